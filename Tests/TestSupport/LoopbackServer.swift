public import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

/// Answers HTTP requests on a free port of loopback as long as `body` runs.
public func withLoopbackServer<Result>(
    _ respond: @escaping @Sendable (Request) async throws -> Response,
    _ body: (_ port: Int) async throws -> Result
) async throws -> Result {
    try await withLoopbackServer(
        CallbackResponder<BasicRequestContext> { request, _ in try await respond(request) }, body)
}

/// Answers HTTP requests on a free port of loopback as long as `body` runs.
///
/// The clients should be gone when `body` returns. Requests that are still worked on then are cancelled.
public func withLoopbackServer<Result>(
    _ responder: some HTTPResponder<BasicRequestContext>,
    _ body: (_ port: Int) async throws -> Result
) async throws -> Result {
    // Connections that are cut on purpose are no errors.
    let logger = Logger(label: "loopback") { _ in SwiftLogNoOpLogHandler() }
    let (ports, source) = AsyncStream.makeStream(of: Int.self)
    let application = Application(
        responder: responder,
        configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
        onServerRunning: { channel in source.yield(channel.localAddress!.port!) },
        logger: logger)
    var configuration = ServiceGroupConfiguration(services: [application], logger: logger)
    configuration.maximumGracefulShutdownDuration = .milliseconds(100)
    let service = ServiceGroup(configuration: configuration)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            defer { source.finish() }
            try await service.run()
        }
        let result: Swift.Result<Result, any Error>
        do {
            guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
            result = .success(try await body(port))
        } catch {
            result = .failure(error)
        }
        // Not cancelled outright: that loses, or trips over, a connection that is just coming in.
        await service.triggerGracefulShutdown()
        while case .some(.failure) = await group.nextResult() {}
        return try result.get()
    }
}
