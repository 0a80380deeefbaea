import Agents
import ArgumentParser

struct TaskAnswerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "answer", abstract: "Approve or turn down the plan of a task that waits for it.",
        discussion: "A plan that is turned down with a comment is made anew; without one the task fails.")

    enum Decision: String, EnumerableFlag {
        case approve, reject
    }

    @OptionGroup var task: TaskArgument

    @Flag(help: "Whether code may be written by this plan.")
    var decision: Decision

    @Option(help: ArgumentHelp("What to do differently, or to mind.", valueName: "text"))
    var comment: String?

    @OptionGroup var service: ServiceOptions

    func run() async throws {
        try await service.withClient { client in
            try await client.answer(task.id, with: PlanAnswer(approve: decision == .approve, comment: comment))
        }
    }
}
