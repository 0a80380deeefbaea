import ArgumentParser
import Foundation

struct TaskPatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "patch", abstract: "Print the change of a task that has ended, for git apply.")

    @OptionGroup var task: TaskArgument
    @OptionGroup var service: ServiceOptions

    func run() async throws {
        let patch = try await service.withClient { client in try await client.patch(task.id) }
        // On a terminal for people; else byte for byte, as a patch need not be text.
        if Terminal.output.isInteractive {
            Terminal.output.print(diff: String(decoding: patch, as: UTF8.self))
        } else {
            Terminal.output.write(patch)
        }
    }
}
