public import Agents
import Foundation
import Hummingbird
public import Logging
import NIOCore
public import ServiceLifecycle

/// The HTTP service: the guide's API over a ``TaskService``, with an event stream a task.
public struct APIServer: Service {
    /// Where to listen.
    public struct Address: Sendable, Hashable {
        public var host: String
        /// 0 takes a free port.
        public var port: Int

        public init(host: String = "127.0.0.1", port: Int = 8000) {
            self.host = host
            self.port = port
        }
    }

    private let application: Application<RouterResponder<BasicRequestContext>>
    private let logger: Logger
    private let executor: (any TaskExecutor)?

    /// - Parameters:
    ///   - service: What does the work; it runs beside the server, not in it.
    ///   - version: What `/healthz` tells.
    ///   - executor: Where requests are worked on; the default threads without it.
    ///   - onReady: Called with the port once connections are taken.
    public init(
        service: TaskService,
        address: Address,
        version: String,
        logger: Logger,
        executor: (any TaskExecutor)? = nil,
        onReady: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        self.logger = logger
        self.executor = executor
        let router = Router()
        router.middlewares.add(ErrorMiddleware())
        let views = TaskViews(service: service)
        HealthRoutes(service: service, version: version).add(to: router)
        TaskRoutes(service: service, views: views, version: version).add(to: router)
        application = Application(
            router: router,
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: address.port), serverName: "swe-agent"),
            onServerRunning: { channel in await onReady(channel.localAddress?.port ?? address.port) },
            logger: logger)
    }

    /// Serves until it is told to shut down gracefully or cancelled.
    ///
    /// - Throws: Where the address cannot be listened on.
    public func run() async throws {
        let group = ServiceGroup(configuration: .init(services: [application], logger: logger))
        // A server that is cancelled outright can lose, and trip over, a connection that is just coming in; so
        // cancelling this task must not reach it, but begin a graceful shutdown. That takes a task of its own.
        let serving = Task(executorPreference: executor) { try await group.run() }
        try await withTaskCancellationHandler {
            try await serving.value
        } onCancel: {
            Task { await group.triggerGracefulShutdown() }
        }
    }
}
