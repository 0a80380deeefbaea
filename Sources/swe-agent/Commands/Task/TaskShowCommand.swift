import Agents
import ArgumentParser
import Foundation

struct TaskShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show where a task stands, and how it ended.")

    @OptionGroup var task: TaskArgument

    @Flag(help: "Print the service's JSON.")
    var json = false

    @OptionGroup var service: ServiceOptions

    func run() async throws {
        try await service.withClient { client in
            let (data, view) = try await client.task(task.id)
            if json { return Terminal.output.print(String(decoding: data, as: UTF8.self)) }
            if let goal = view.request?.goal { Terminal.output.print(goal.printable(limit: 500), .bold) }
            if let result = view.result {
                Terminal.output.print(result, status: view.status, diff: nil)
            } else {
                let stage = view.stage.map { ", \($0)" } ?? ""
                Terminal.output.print("\(view.status)\(stage), \(view.steps) steps")
            }
            if let question = view.question {
                Terminal.output.print(question.plan.text)
                Terminal.output.print("Answer with: swe-agent task answer \(view.id) --approve", .yellow)
            }
        }
    }
}

extension Plan {
    /// The plan as a list.
    var text: String {
        let steps = steps.enumerated().map { index, step in
            "  \(index + 1). \(step.title.printable()) — \(step.check.printable())"
        }
        return ([summary.printable(limit: 2000)] + steps).joined(separator: "\n")
    }
}
