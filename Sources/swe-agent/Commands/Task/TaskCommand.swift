import ArgumentParser
import Foundation

struct TaskCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "task",
        abstract: "Talk to a running service: submit, list, show, logs, cancel, answer, patch.",
        subcommands: [
            TaskSubmitCommand.self, TaskListCommand.self, TaskShowCommand.self, TaskLogsCommand.self,
            TaskCancelCommand.self, TaskAnswerCommand.self, TaskPatchCommand.self,
        ])
}

/// Which service a `task` command talks to.
struct ServiceOptions: ParsableArguments {
    @Option(help: "The address of the service (SWE_AGENT_URL, default http://127.0.0.1:8000).")
    var url: String?

    /// Connects for as long as `body` runs.
    func withClient<Result: Sendable>(_ body: (ServiceClient) async throws -> Result) async throws -> Result {
        let flags = [Variable.url: url].compactMapValues { $0 }
        let reader = try Settings.reader(flags: flags)
        let base = try reader.httpURL(.url) ?? "http://127.0.0.1:8000"
        let token = try Settings.Service.apiTokens(reader).first
        do {
            return try await ServiceClient.withClient(of: base, token: token, body)
        } catch let error as ServiceError {
            throw ProgramError("\(error)")
        }
    }
}

/// The task that a command is about.
struct TaskArgument: ParsableArguments {
    @Argument(help: "The id that task submit printed.")
    var id: String
}
