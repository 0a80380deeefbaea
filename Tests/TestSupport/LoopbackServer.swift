import Hummingbird
import Logging
import NIOCore

/// Answers HTTP requests on a free port of loopback as long as `body` runs.
func withLoopbackServer<Result: Sendable>(
    _ respond: @escaping @Sendable (Request) async throws -> Response,
    _ body: @Sendable @escaping (_ port: Int) async throws -> Result
) async throws -> Result {
    let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
    let application = Application(
        responder: CallbackResponder<BasicRequestContext> { request, _ in try await respond(request) },
        configuration: .init(address: .hostname("127.0.0.1", port: 0)),
        onServerRunning: { continuation.yield($0.localAddress?.port ?? 0) },
        // Connections that are cut on purpose are no errors.
        logger: Logger(label: "loopback", factory: { _ in SwiftLogNoOpLogHandler() }))
    return try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask {
            // Run without a service group, so that no signal handlers are installed in the tests' process.
            try await application.run()
            return nil
        }
        group.addTask {
            var iterator = ports.makeAsyncIterator()
            guard let port = await iterator.next() else { throw CancellationError() }
            return try await body(port)
        }
        defer { group.cancelAll() }
        while let result = try await group.next() {
            if let result { return result }
        }
        throw CancellationError()
    }
}
