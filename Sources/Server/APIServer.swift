public import Agents
import Foundation
import Hummingbird
import HummingbirdCore
public import Logging
public import NIOCore
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

    /// Where requests are read and worked on.
    public struct Threads: Sendable {
        var eventLoops: any EventLoopGroup
        var executor: any TaskExecutor

        public init(eventLoops: any EventLoopGroup, executor: any TaskExecutor) {
            self.eventLoops = eventLoops
            self.executor = executor
        }
    }

    /// The bytes of a request's headers, all together, and their number.
    private static let headerLimit = 32 * 1024
    private static let headerCount = 100
    /// Connections at once; whoever comes then waits until one closes.
    private static let connectionLimit = 4096

    private let application: Application<RouterResponder<APIContext>>
    private let logger: Logger
    private let threads: Threads?

    /// - Parameters:
    ///   - service: What does the work; it runs beside the server, not in it.
    ///   - access: Who may use it.
    ///   - requestTimeout: How long a connection may take for the head of a request, as long again for its body, and be open
    ///     without one. Answers may take any time.
    ///   - version: What `/healthz` tells.
    ///   - threads: Where requests are worked on; those that the whole process has without it.
    ///   - onReady: Called with the port once connections are taken.
    public init(
        service: TaskService,
        address: Address,
        access: Access = Access(),
        requestTimeout: Duration = .seconds(60),
        version: String,
        logger: Logger,
        threads: Threads? = nil,
        onReady: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        self.logger = logger
        self.threads = threads
        let router = Router(context: APIContext.self)
        router.middlewares.add(ErrorMiddleware())
        router.middlewares.add(OriginMiddleware(access: access))
        let views = TaskViews(service: service)
        HealthRoutes(service: service, version: version).add(to: router)
        TaskRoutes(service: service, views: views, access: access, version: version)
            .add(to: router.group("/agent/tasks").add(middleware: TokenMiddleware(access: access)))
        application = Application(
            router: router,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [RequestDeadline(TimeAmount(requestTimeout))],
                    idleTimeout: TimeAmount(requestTimeout),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: Self.headerLimit, maxHeaderListSize: Self.headerLimit,
                        maxHeaderFieldCount: Self.headerCount))),
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: address.port), serverName: "swe-agent",
                availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionLimit, logger: logger)),
            onServerRunning: { channel in await onReady(channel.localAddress?.port ?? address.port) },
            eventLoopGroupProvider: threads.map { .shared($0.eventLoops) } ?? .singleton,
            logger: logger)
    }

    /// Serves until it is told to shut down gracefully or cancelled.
    ///
    /// - Throws: Where the address cannot be listened on.
    public func run() async throws {
        let group = ServiceGroup(configuration: .init(services: [application], logger: logger))
        // A server that is cancelled outright can lose, and trip over, a connection that is just coming in; so
        // cancelling this task must not reach it, but begin a graceful shutdown. That takes a task of its own.
        let serving = Task(executorPreference: threads?.executor) { try await group.run() }
        try await withTaskCancellationHandler {
            try await serving.value
        } onCancel: {
            Task { await group.triggerGracefulShutdown() }
        }
    }
}
