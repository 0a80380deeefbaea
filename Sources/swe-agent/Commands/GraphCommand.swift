import Agents
import ArgumentParser

struct GraphCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph",
        abstract: "Draw a workflow as a Mermaid flowchart.",
        discussion:
            "The drawing comes from the graph that tasks run through. Show it with https://mermaid.live or in Markdown."
    )

    enum Workflow: String, CaseIterable, ExpressibleByArgument {
        case task
    }

    @Argument(help: "The workflow to draw: task.")
    var workflow: Workflow

    func run() throws {
        switch workflow {
        case .task: Terminal.output.write(try TaskWorkflow.mermaid())
        }
    }
}
