import ArgumentParser
import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import UnixSignals

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Take tasks over HTTP and work on them.",
        discussion: """
            Tasks are kept in SWE_AGENT_DATA: whatever a crash or a restart breaks off goes on after the next start. The \
            API is POST /agent/tasks and GET /agent/tasks/ID; the README describes the rest. Only programs of this \
            machine are served unless --host says otherwise, and that takes a token in SWE_AGENT_API_TOKEN.
            """)

    @Option(help: "The address to listen on; 0.0.0.0 for all (SWE_AGENT_HOST, default 127.0.0.1).")
    var host: String?

    @Option(help: "The port; 0 for a free one (SWE_AGENT_PORT, default 8000).")
    var port: Int?

    @Option(help: "The directory of the task database (SWE_AGENT_DATA, default ./data).")
    var data: String?

    @Option(help: "The directory that tasks work in (SWE_AGENT_WORKSPACE, default ./workspace).")
    var workspace: String?

    @Flag(help: "Listen beyond this machine without a token: whoever reaches the port may use the service.")
    var insecure = false

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        var flags = options.flags
        flags[.host] = host
        flags[.port] = port.map(String.init)
        flags[.data] = data
        flags[.workspace] = workspace
        let settings = try Settings.load(flags: flags)
        let logger = Assembly.logger(settings, default: .info)
        if !settings.service.isOnLoopback, settings.service.apiTokens.isEmpty {
            guard insecure else {
                throw SettingsError(
                    """
                    SWE_AGENT_API_TOKEN is missing, and \(settings.service.host) is reached from other machines: set it, for \
                    example to what openssl rand -hex 32 prints, or say --insecure
                    """)
            }
            logger.warning("whoever reaches the port may use the service: --insecure was given and no token is set")
        }
        try await Assembly.withTaskService(settings, logger: logger) { service in
            let host = settings.service.host
            let group = Assembly.serviceGroup(settings, service, endedBy: [.sigterm, .sigint], logger: logger) { port in
                logger.notice("swe-agent \(SWEAgent.version) listens on http://\(host):\(port)")
            }
            do {
                try await group.run()
            } catch is CancellationError {
                // The time for a graceful end was over; the journal is written all the same.
            } catch let error as IOError {
                throw SettingsError(
                    """
                    cannot listen on \(host), port \(settings.service.port): \(String(cString: strerror(error.errnoCode))); \
                    set SWE_AGENT_HOST and SWE_AGENT_PORT to an address of this machine and a free port
                    """)
            }
        }
    }
}
