import ArgumentParser

struct TaskLogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Print what a task has done.",
        discussion: "With --follow it goes on to the task's end, and takes up where it was when the connection is lost."
    )

    @OptionGroup var task: TaskArgument

    @Flag(name: .shortAndLong, help: "Go on to the task's end.")
    var follow = false

    @OptionGroup var service: ServiceOptions

    func run() async throws {
        try await service.withClient { client in
            guard follow else {
                for line in try await client.task(task.id).task.logs {
                    Terminal.output.print(line.printable(limit: 500))
                }
                return
            }
            _ = try await ProgressDisplay(id: task.id, on: .output).follow(client.events(of: task.id))
        }
    }
}
