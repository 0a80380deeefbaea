import ArgumentParser
import TaskStore
import Workflow

struct DataCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Look through the task database for damage.",
        discussion: "Reads everything and changes nothing; a service may run. Exits with 1 where something is wrong.")

    @OptionGroup var options: DataOptions

    func run() throws {
        let check = try withStoreErrors { try DataCheck(directory: options.directory()) }
        if options.json {
            Terminal.output.write(try JSONText(check).text + "\n")
        } else {
            let tasks = check.tasks.values.reduce(0, +)
            let statuses = check.tasks.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            let detail = statuses.isEmpty ? "" : " (\(statuses.joined(separator: ", ")))"
            Terminal.output.print("tasks     \(tasks)\(detail)")
            Terminal.output.print("entries   \(check.entries)")
            Terminal.output.print("size      \(check.bytes) bytes")
            for problem in check.problems { Terminal.output.print("problem   \(problem.printable(limit: 500))", .red) }
            if check.problems.isEmpty { Terminal.output.print("No damage was found.") }
        }
        if !check.problems.isEmpty { throw ExitCode.failure }
    }
}
