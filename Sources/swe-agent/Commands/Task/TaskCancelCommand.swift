import ArgumentParser

struct TaskCancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "End a task; the change it had come to is kept.")

    @OptionGroup var task: TaskArgument
    @OptionGroup var service: ServiceOptions

    func run() async throws {
        try await service.withClient { client in try await client.cancel(task.id) }
    }
}
