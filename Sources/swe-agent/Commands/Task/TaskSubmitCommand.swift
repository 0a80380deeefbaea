import Agents
import ArgumentParser

struct TaskSubmitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit", abstract: "Submit a task and print its id.",
        discussion: "The service takes URLs, and paths on its own machine only where its operator allows them.")

    @Option(help: ArgumentHelp("The repository, as the service reaches it.", valueName: "url"))
    var repo: String

    @OptionGroup var task: GoalOptions

    @Option(help: "The model, in place of the service's.")
    var model: String?

    @Flag(help: "Wait for task answer after the plan is made, before code is written.")
    var approvePlan = false

    @Option(help: ArgumentHelp("Submitting twice with one key makes one task.", valueName: "key"))
    var idempotencyKey: String?

    @OptionGroup var service: ServiceOptions

    func run() async throws {
        let request = TaskRequest(
            goal: task.goal, repoURL: repo, baseBranch: task.baseBranch, model: model, testCommand: task.testCommand,
            maxSteps: task.limits.maxSteps, timeoutSeconds: task.limits.timeout, maxCostUSD: task.limits.maxCost,
            approvePlan: approvePlan ? true : nil)
        try await service.withClient { client in
            Terminal.output.print(try await client.submit(request, idempotencyKey: idempotencyKey))
        }
    }
}
