import HTTPTypes
import Hummingbird
import NIOCore
import TestSupport
import Testing
import Workflow

@testable import swe_agent

/// The client's side of the event stream.
struct TaskEventsTests {
    /// What a service sends on each connection, and the `Last-Event-ID` that connections came with.
    private actor Script {
        private var parts: [String]
        private(set) var resumedAfter: [String?] = []

        init(_ parts: [String]) { self.parts = parts }

        func next(after: String?) -> String {
            resumedAfter.append(after)
            return parts.isEmpty ? "" : parts.removeFirst()
        }
    }

    private static func event(_ sequence: Int, _ type: String) -> String {
        let data = #"{"seq":\#(sequence),"time":"2026-01-01T00:00:00.000Z","type":"\#(type)"}"#
        return "id: \(sequence)\nevent: \(type)\ndata: \(data)\n\n"
    }

    /// Serves the script as long as `body` runs.
    private func serving(_ script: Script, _ body: (String) async throws -> Void) async throws {
        let router = Router()
        router.get("/agent/tasks/{id}/events") { request, context -> Response in
            guard context.parameters.get("id") == "t" else {
                return Response(
                    status: .notFound,
                    body: .init(byteBuffer: ByteBuffer(string: #"{"error":{"code":"unknown_task","message":"no"}}"#)))
            }
            let text = await script.next(after: request.headers[HTTPField.Name("Last-Event-ID")!])
            return Response(status: .ok, body: .init(byteBuffer: ByteBuffer(string: text)))
        }
        try await withLoopbackServer(router.buildResponder()) { port in try await body("http://127.0.0.1:\(port)") }
    }

    @Test func aStreamThatBreaksOffGoesOnWhereItWas() async throws {
        let script = Script([
            Self.event(1, "submitted") + Self.event(2, "started") + "id: 3\nda",
            ": still here\n\n",
            Self.event(3, "log") + Self.event(4, "finished"),
        ])
        try await serving(script) { url in
            let sequences = try await ServiceClient.withClient(of: url) { client in
                var sequences: [Int64] = []
                for try await entry in client.events(of: "t") { sequences.append(entry.sequence) }
                return sequences
            }
            #expect(sequences == [1, 2, 3, 4])
        }
        #expect(await script.resumedAfter == [nil, "2", "2"])
    }

    @Test func aTaskThatDoesNotExistIsAnErrorAtOnce() async throws {
        try await serving(Script([])) { url in
            await #expect(throws: ServiceError.self) {
                try await ServiceClient.withClient(of: url) { client in
                    for try await _ in client.events(of: "other") {}
                }
            }
        }
    }

    @Test func eventsComeWholeOutOfPiecesOfAnySize() {
        let text = ": comment\n\ndata: one\n\nid: 2\ndata: two\ndata: lines\n\n"
        for size in 1...text.utf8.count {
            var lines = ServerSentEventLines()
            var events: [String] = []
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                lines.append(rest.prefix(size))
                rest = rest.dropFirst(size)
                while let data = lines.next() { events.append(String(decoding: data, as: UTF8.self)) }
            }
            #expect(events == ["one", "two\nlines"])
        }
    }
}
