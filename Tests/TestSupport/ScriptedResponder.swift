import Hummingbird
import LanguageModels
import NIOCore
import ServiceLifecycle

/// Answers the scripted provider's requests.
struct ScriptedResponder: HTTPResponder {
    typealias Context = BasicRequestContext

    let key: String?
    let script: @Sendable (ScriptedRequest) async -> ScriptedReply
    let foreignTurns: Bool
    let log: ScriptedProviderLog
    let onAbandonment: @Sendable () -> Void

    func respond(to request: Request, context: Context) async throws -> Response {
        var request = request
        let bytes = try await request.collectBody(upTo: 64 << 20)
        let api: any ScriptedAPI.Type
        let asked: ScriptedRequest
        do {
            api = try Self.api(of: request.uri.path)
            try checkCredentials(of: request, api: api, body: String(buffer: bytes))
            asked = try api.read(
                JSONValue(json: String(buffer: bytes)), path: request.uri.path, query: request.uri.query,
                foreignTurns: foreignTurns)
        } catch {
            let violation = error as? Violation ?? Violation("the body is no JSON: \(error)")
            await log.add(violation)
            let answer: JSONValue = ["error": ["message": .string(violation.reason), "type": "invalid_request_error"]]
            return response(.badRequest, answer.json, streaming: false)
        }
        await log.add(asked)

        switch await script(asked) {
        case .turn(let text, let calls, let usage):
            return say(ScriptedTurn(text: text, calls: calls.map { ($0, $1.json) }, usage: usage), to: asked, api)
        case .malformedArguments(let name, let text):
            return say(ScriptedTurn(calls: [(name, text)], ending: .garbledCall), to: asked, api)
        case .truncated(let text):
            return say(ScriptedTurn(text: text, ending: .length), to: asked, api)
        case .filtered(let text):
            return say(ScriptedTurn(text: text, ending: .filtered), to: asked, api)
        case .empty:
            return say(ScriptedTurn(isEmpty: true), to: asked, api)
        case .status(let code, let headers, let body):
            var answer = response(.init(code: code), body, streaming: false)
            for (name, value) in headers { answer.headers[.init(name)!] = value }
            return answer
        case .raw(let body, let pieceBytes):
            return response(.ok, body, streaming: asked.streaming, pieceBytes: pieceBytes)
        case .json(let body):
            return response(.ok, body, streaming: false)
        case .hang:
            return try await hang(request)
        case .stall(let count):
            return partly(api.body(of: .long, for: asked), count, streaming: asked.streaming) {
                try await gracefulShutdown()
            }
        case .cut(let count):
            return partly(api.body(of: .long, for: asked), count, streaming: asked.streaming) {
                throw CancellationError()
            }
        }
    }

    private func say(_ turn: ScriptedTurn, to request: ScriptedRequest, _ api: any ScriptedAPI.Type) -> Response {
        response(.ok, api.body(of: turn, for: request), streaming: request.streaming)
    }

    private func response(
        _ status: HTTPResponse.Status, _ body: String, streaming: Bool, pieceBytes: Int? = nil
    ) -> Response {
        let whole = ByteBuffer(string: body)
        return Response(
            status: status, headers: [.contentType: streaming ? "text/event-stream" : "application/json"],
            body: ResponseBody { writer in
                var rest = whole
                while let piece = rest.readSlice(length: min(pieceBytes ?? .max, rest.readableBytes)),
                    piece.readableBytes > 0
                {
                    try await writer.write(piece)
                }
                try await writer.finish(nil)
            })
    }

    /// The start of a body, after which something goes wrong.
    private func partly(
        _ body: String, _ count: Int, streaming: Bool, then fail: @escaping @Sendable () async throws -> Void
    ) -> Response {
        var answer = response(.ok, "", streaming: streaming)
        answer.body = ResponseBody(contentLength: streaming ? nil : body.utf8.count) { writer in
            try await writer.write(ByteBuffer(bytes: body.utf8.prefix(count)))
            try await fail()
        }
        return answer
    }

    private func hang(_ request: Request) async throws -> Response {
        try await request.body.consumeWithInboundCloseHandler { _ in
            try await gracefulShutdown()
            return Response(status: .serviceUnavailable)
        } onInboundClosed: {
            onAbandonment()
        }
    }

    private static func api(of path: String) throws -> any ScriptedAPI.Type {
        switch path {
        case "/v1/chat/completions": ScriptedChat.self
        case "/v1/responses": ScriptedResponses.self
        case _ where path.hasPrefix("/v1beta/models/"): ScriptedGemini.self
        default: throw Violation("there is nothing at \(path)")
        }
    }

    /// The key is in its one header, and nowhere else.
    private func checkCredentials(of request: Request, api: any ScriptedAPI.Type, body: String) throws {
        try demand(request.method == .post, "the method is \(request.method)")
        try demand(
            request.headers[.contentType]?.hasPrefix("application/json") == true, "the content type is not JSON")
        for field in request.headers {
            let isItsHeader = field.name.canonicalName == api.keyHeader.name
            if isItsHeader {
                let expected = key.map { api.keyHeader.prefix + $0 }
                try demand(field.value == expected, "the key is wrong")
            } else {
                try demand(
                    !["authorization", "x-goog-api-key", "cookie"].contains(field.name.canonicalName),
                    "there is a header \(field.name)")
            }
            try demand(isItsHeader || key.map(field.value.contains) != true, "the key is in \(field.name)")
        }
        guard let key else { return }
        try demand(
            request.headers.contains { $0.name.canonicalName == api.keyHeader.name },
            "there is no header \(api.keyHeader.name)")
        try demand(!request.uri.string.contains(key), "the key is in the URL")
        try demand(!body.contains(key), "the key is in the body")
    }
}
