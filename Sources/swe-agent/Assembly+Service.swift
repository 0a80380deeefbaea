import Agents
import LanguageModels
import Logging
import Server
import ServiceLifecycle
import UnixSignals

extension Assembly {
    /// The task service at work, and its API over HTTP.
    ///
    /// - Parameters:
    ///   - signals: What asks the group to end.
    ///   - onReady: Called with the port once connections are taken.
    static func serviceGroup(
        _ settings: Settings, _ service: TaskService, endedBy signals: [UnixSignal] = [], logger: Logger,
        onReady: @escaping @Sendable (_ port: Int) async -> Void
    ) -> ServiceGroup {
        let server = APIServer(
            service: service,
            address: APIServer.Address(host: settings.service.host, port: settings.service.port),
            access: access(to: settings.service),
            version: SWEAgent.version,
            logger: logger,
            threads: APIServer.Threads(
                eventLoops: EventLoopExecutor.requests.group, executor: EventLoopExecutor.requests),
            onReady: onReady)
        let drain = Drain(service: service, time: .seconds(settings.service.drainSeconds))
        // Services end in the reverse order: no new tasks, no connections, no work.
        let services: [any Service] = [TaskWorker(service: service), server, drain]
        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
            gracefulShutdownSignals: signals,
            logger: logger)
        // Clients of event streams would stay for hours.
        configuration.maximumGracefulShutdownDuration = drain.time + .seconds(5)
        return ServiceGroup(configuration: configuration)
    }

    private static func access(to service: Settings.Service) -> Access {
        let names = service.isOnLoopback ? ["localhost", "127.0.0.1", "[::1]", service.host.lowercased()] : nil
        return Access(tokens: service.apiTokens.map { $0.reveal() }, hosts: names.map(Set.init))
    }
}

/// Works on tasks until the shutdown.
private struct TaskWorker: Service {
    let service: TaskService

    func run() async throws {
        try await cancelWhenGracefulShutdown { try await service.run() }
    }
}

/// Refuses new tasks as the first thing of a shutdown, and lets those at work end.
private struct Drain: Service {
    let service: TaskService
    let time: Duration

    func run() async throws {
        try await gracefulShutdown()
        await service.drain(for: time)
    }
}
