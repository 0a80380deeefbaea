import AsyncHTTPClient
import Foundation
import LanguageModels
import TestSupport
import Testing

/// What every provider makes of failures: the kind of error decides whether a request is repeated.
@Suite(.timeLimit(.minutes(5)))
struct ProviderFailureTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var status: Int
        var headers: [String: String] = [:]
        var body: String = ""
        var kind: ModelError.Kind
        var retryAfter: Double?

        var testDescription: String { "\(status) \(kind.rawValue) \(body.prefix(60))" }
    }

    static let cases: [Case] = [
        Case(status: 429, headers: ["retry-after": "7"], kind: .rateLimited, retryAfter: 7),
        Case(
            status: 429, headers: ["retry-after": "7", "retry-after-ms": "1500"], kind: .rateLimited, retryAfter: 1.5),
        Case(status: 429, headers: ["retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"], kind: .rateLimited, retryAfter: 0),
        Case(status: 429, headers: ["retry-after": "soon"], kind: .rateLimited),
        Case(
            status: 429, body: #"{"error":{"message":"You exceeded your quota","code":"insufficient_quota"}}"#,
            kind: .quota),
        Case(
            status: 429,
            body: #"""
                [{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"slow down",
                "details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"33.5s"}]}}]
                """#,
            kind: .rateLimited, retryAfter: 33.5),
        Case(
            status: 429,
            body: #"{"error":{"code":429,"details":[{"violations":[{"quotaId":"RequestsPerDayPerProject"}]}]}}"#,
            kind: .quota),
        Case(status: 402, kind: .quota),
        Case(status: 500, body: "<html><body>oops</body></html>", kind: .unavailable),
        Case(status: 503, headers: ["retry-after": "2"], kind: .unavailable, retryAfter: 2),
        Case(status: 408, kind: .unavailable),
        Case(status: 409, kind: .unavailable),
        Case(status: 401, body: #"{"error":{"message":"Incorrect API key"}}"#, kind: .authentication),
        Case(status: 403, kind: .authentication),
        Case(
            status: 400,
            body: #"{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#,
            kind: .authentication),
        Case(status: 400, body: #"{"error":{"message":"no","code":"invalid_value"}}"#, kind: .invalidRequest),
        Case(status: 400, body: #"{"error":{"message":"…","code":"context_length_exceeded"}}"#, kind: .contextLength),
        Case(
            status: 400,
            body: #"{"object":"error","message":"This model's maximum context length is 4096 tokens. However, …"}"#,
            kind: .contextLength),
        Case(
            status: 400,
            body: #"{"error":{"code":400,"message":"The input token count (9) exceeds the maximum number of tokens"}}"#,
            kind: .contextLength),
        Case(status: 404, body: #"{"error":"model \"x\" not found, try pulling it first"}"#, kind: .invalidRequest),
        Case(status: 422, body: #"{"detail":"unprocessable"}"#, kind: .invalidRequest),
        Case(status: 307, headers: ["location": "http://127.0.0.1:9/"], kind: .invalidRequest),
    ]

    @Test(arguments: cases, Wire.allCases)
    func tellsErrorsApart(_ expected: Case, _ wire: Wire) async throws {
        try await withScriptedProvider { _ in
            .status(expected.status, headers: expected.headers, body: expected.body)
        } body: { provider in
            let error = try await failure(of: wire.model(of: provider))
            #expect(error.kind == expected.kind)
            #expect(error.status == expected.status)
            #expect(error.retryAfter == expected.retryAfter)
            #expect(error.message.hasPrefix("127.0.0.1:"))
            #expect(error.message.contains("answered \(expected.status)"))
            #expect(!error.message.contains("<html"))
        }
    }

    @Test(arguments: Wire.allCases)
    func neverShowsTheKey(_ wire: Wire) async throws {
        let key = "topsecret-0123456789"
        let leak =
            "you sent \(key) and sk-proj-abcdef, AIzaSyXYZ\nx-goog-api-key: \(key)\u{1B}[31m"
            + String(repeating: "x", count: 9999)
        let inside = JSONValue.object(["error": ["message": .string(leak), "code": "server_error"]]).json
        for reply: ScriptedReply in [
            .status(401, body: leak), .status(400, body: inside), .raw(wire.streaming ? "data: \(inside)\n\n" : inside),
            .raw(leak),
        ] {
            try await withScriptedProvider(key: key) { _ in
                reply
            } body: { provider in
                let error = try await failure(of: wire.model(of: provider))
                for secret in [key, "topsecret", "sk-proj", "AIzaSy", "\n", "\u{1B}"] {
                    #expect(!error.message.contains(secret), "\(error.message)")
                }
                #expect(error.message.count < 400)
                #expect(await provider.violations == [])
            }
        }
    }

    @Test(arguments: Wire.allCases)
    func noticesMalformedReplies(_ wire: Wire) async throws {
        for reply: ScriptedReply in [
            .empty, .turn(text: ""), .raw(""), .raw(wire.streaming ? "data: {\"choices\"\n\n" : "{\"choices\""),
            .raw(wire.streaming ? "data: [1, 2]\n\n" : "[1, 2]"), .raw("Bad gateway"), .json("{}"),
            .json(#"{"choices": 7, "output": 7, "candidates": 7}"#),
        ] {
            try await withScriptedProvider { _ in
                reply
            } body: { provider in
                let error = try await failure(of: wire.model(of: provider))
                #expect(error.kind == .malformedReply, "\(reply): \(error)")
            }
        }
    }

    @Test(arguments: Wire.allCases)
    func noticesCutReplies(_ wire: Wire) async throws {
        for count in [0, 1, 30, 200, 600] {
            try await withScriptedProvider { _ in
                .cut(afterBytes: count)
            } body: { provider in
                let error = try await failure(of: wire.model(of: provider))
                #expect(error.kind == .unavailable)
                #expect(error.isTransient)
            }
        }
    }

    @Test(arguments: Wire.allCases)
    func givesUpOnSilence(_ wire: Wire) async throws {
        for reply: ScriptedReply in [.hang, .stall(afterBytes: 0), .stall(afterBytes: 300)] {
            try await withScriptedProvider { _ in
                reply
            } body: { provider in
                let idle = try wire.model(of: provider) { $0.idleTimeout = .milliseconds(200) }
                let error = try await failure(of: idle)
                #expect(error.kind == .timeout)
                #expect(error.message.contains("silent"))

                let slow = try wire.model(of: provider) { $0.timeout = .milliseconds(200) }
                #expect(try await failure(of: slow).message.contains("did not finish"))
            }
        }
    }

    @Test(arguments: Wire.allCases)
    func closesTheRequestWhenCancelled(_ wire: Wire) async throws {
        let (asked, askedSource) = AsyncStream.makeStream(of: Void.self)
        try await withScriptedProvider { _ in
            askedSource.yield()
            return .hang
        } body: { provider in
            let model = try wire.model(of: provider)
            await withTaskGroup(of: (any Error)?.self) { group in
                group.addTask {
                    do {
                        _ = try await model.reply(to: .question)
                        return nil
                    } catch {
                        return error
                    }
                }
                _ = await asked.first { true }
                group.cancelAll()
                #expect(await group.next()! is CancellationError)
            }
            _ = await provider.abandonments.first { true }
        }
    }

    @Test func cannotReachAServerThatIsNotThere() async throws {
        let url = try await withScriptedProvider { _ in
            .hang
        } body: {
            $0.url
        }
        let client = HTTPClient(configuration: ModelHTTPClient.configuration)
        let settings = ModelSettings(openAIKey: Secret("sk-1"), openAIBaseURL: url, retryPolicy: .never)
        let model = try ModelCatalog(settings: settings, client: client).model(named: "openai/gpt-5")
        let error = try await failure(of: model)
        #expect(error.kind == .unavailable)
        #expect(error.message.contains("is the address right"))
        try await client.shutdown()
    }

    @Test(arguments: Wire.allCases)
    func boundsTheBytesOfAReply(_ wire: Wire) async throws {
        try await withScriptedProvider { _ in
            .turn(text: String(repeating: "word ", count: 20000))
        } body: { provider in
            let http = ModelHTTPClient(client: provider.client, maxReplyBytes: 50_000)
            let key = provider.settings.openAIKey
            let model: any LanguageModel =
                switch wire.api {
                case .chat:
                    OpenAIChatModel(
                        id: "m", baseURL: provider.url + "/v1", key: key, http: http, streaming: wire.streaming)
                case .responses:
                    OpenAIResponsesModel(
                        id: "m", baseURL: provider.url + "/v1", key: key, http: http, streaming: wire.streaming)
                case .gemini:
                    GeminiModel(id: "m", baseURL: provider.url, key: key, http: http, streaming: wire.streaming)
                }
            let error = try await failure(of: model)
            #expect(error.kind == .malformedReply)
            #expect(error.message.contains("50000 bytes"))
        }
    }

    @Test func tellsErrorsInsideStreamsApart() async throws {
        let events: [(ScriptedRequest.API, String, ModelError.Kind)] = [
            (.chat, #"data: {"error":{"message":"overloaded","type":"server_error"}}"#, .unavailable),
            (.chat, #"data: {"error":{"message":"no","code":400}}"#, .invalidRequest),
            (.chat, #"data: {"error":{"message":"no","type":"invalid_request_error"}}"#, .invalidRequest),
            (
                .responses, #"data: {"type":"error","code":"rate_limit_exceeded","message":"slow down"}"#, .rateLimited
            ),
            (
                .responses,
                """
                event: response.failed
                data: {"response":{"status":"failed","output":[],"error":{"code":"server_error","message":"sorry"}}}
                """, .unavailable
            ),
            (.gemini, #"data: {"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#, .unavailable),
        ]
        for (api, event, kind) in events {
            try await withScriptedProvider { _ in
                .raw(event + "\n\n")
            } body: { provider in
                let error = try await failure(of: Wire(api: api, streaming: true).model(of: provider))
                #expect(error.kind == kind, "\(event): \(error)")
            }
        }
    }

    @Test func aRefusedPromptIsFiltered() async throws {
        let blocked = #"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":5}}"#
        try await withScriptedProvider { _ in
            .json(blocked)
        } body: { provider in
            let reply = try await Wire(api: .gemini, streaming: true).model(of: provider).reply(to: .question)
            #expect(reply.finish == .contentFilter)
            #expect(reply.usage.inputTokens == 5)
        }
    }
}
