import Agents
import ArgumentParser

struct GraphCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph",
        abstract: "Draw a workflow as a Mermaid flowchart.",
        discussion: """
            The drawing comes from the graph that tasks run through (task), or the programs of a chat (coding-agent). Show \
            it with https://mermaid.live or in Markdown.
            """)

    enum Workflow: String, CaseIterable, ExpressibleByArgument {
        case task
        case codingAgent = "coding-agent"
    }

    @Argument(help: "The workflow to draw: task or coding-agent.")
    var workflow: Workflow

    func run() throws {
        switch workflow {
        case .task: Terminal.output.write(try TaskWorkflow.mermaid())
        case .codingAgent: Terminal.output.write(try CodingAgent.mermaid())
        }
    }
}
