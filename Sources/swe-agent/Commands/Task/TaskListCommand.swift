import ArgumentParser
import Workflow

struct TaskListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List tasks, the newest first.")

    @Option(help: "Only tasks that are queued, running, completed or failed.")
    var status: String?

    @Option(help: "The most tasks to list.")
    var limit = 20

    @Flag(help: "Print one JSON object for each task.")
    var json = false

    @OptionGroup var service: ServiceOptions

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be at least 1") }
    }

    func run() async throws {
        try await service.withClient { client in
            var left = limit
            var cursor: String?
            repeat {
                let page = try await client.tasks(status: status, cursor: cursor, limit: min(left, 100))
                for task in page.tasks { try show(task) }
                left -= page.tasks.count
                cursor = page.nextCursor
            } while cursor != nil && left > 0
        }
    }

    private func show(_ task: TaskPage.Item) throws {
        guard !json else { return Terminal.output.write(try JSONText(task).text + "\n") }
        let status = task.status + String(repeating: " ", count: max(0, 9 - task.status.count))
        Terminal.output.print("\(task.id)  \(status)  \(task.createdAt.prefix(19))Z  \(task.goal.printable(limit: 80))")
    }
}
