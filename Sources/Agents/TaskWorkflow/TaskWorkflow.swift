import Foundation
import LanguageModels
import Sandboxes
import Workflow

/// Manager → planner → programmer → reviewer → publisher: the graph that every task runs through.
public enum TaskWorkflow {
    /// The most plans that a person is shown.
    static let planRounds = 3
    /// The most rounds of review.
    public static let reviewRounds = 3

    /// The workflow as a Mermaid flowchart.
    public static func mermaid() throws -> String { try graph().mermaid }

    static func graph() throws -> Graph<TaskStage, TaskState, TaskContext> {
        try Graph("task", start: .manager) { graph in
            graph.node(.manager, Manager.prepare)
            graph.node(.planner, visits: planRounds, Planner.plan)
            graph.node(.programmer, visits: reviewRounds, Programmer.program)
            graph.node(.reviewer, visits: reviewRounds, Reviewer.review)
            graph.node(.publisher, Publisher.publish)

            graph.branch(
                from: .manager, to: [.node(.planner), .node(.programmer, when: "trivial goal or planner switched off")]
            ) { state in state.plan == nil ? .node(.planner) : .node(.programmer) }
            graph.branch(
                from: .planner, to: [.node(.programmer, when: "approved"), .node(.planner, when: "comments")]
            ) { state in state.replan ? .node(.planner) : .node(.programmer) }
            graph.edge(from: .programmer, to: .reviewer)
            graph.branch(
                from: .reviewer,
                to: [
                    .node(.publisher, when: "approved"), .node(.programmer, when: "findings"),
                    .end(when: "findings in the last round"),
                ]
            ) { state in
                guard state.failure == nil else { return .end }
                return state.reviews.last?.approved == true ? .node(.publisher) : .node(.programmer)
            }
            graph.end(after: .publisher)
        }
    }
}

/// What the stages of one task work with.
struct TaskContext: Sendable {
    var id: String
    var request: TaskRequest
    var settings: TaskSettings
    var model: any LanguageModel
    var sandbox: any Sandbox
    var git: GitClient
    /// The repository's address, checked.
    var remote: GitURL
    /// The bare clone on the host that the sandbox can read and never write.
    var mirror: String
    var budget: Budget

    /// The programmer's clone, as the sandbox sees it.
    var repository: String { Self.repository(in: sandbox) }
    /// The clone that tests are judged on; made anew for each use.
    var freshClone: String { sandbox.workspace + "/fresh" }

    static func repository(in sandbox: any Sandbox) -> String { sandbox.workspace + "/repo" }

    func skips(_ stage: TaskStage) -> Bool {
        request.skipStages?.contains(stage.rawValue) == true
    }

    /// Has the task's model work with some tools in a directory of the sandbox, and books what that spent.
    ///
    /// - Parameter round: Tells the conversations of a stage apart, from 1.
    func converse(
        as stage: TaskStage, round: Int, _ toolbox: Toolbox, in directory: String, system: String, task: String,
        _ state: inout TaskState, _ run: Run
    ) async throws -> String {
        await budget.reset(steps: state.steps, usage: state.usage)
        let loop = AgentLoop(
            conversation: round == 1 ? stage.rawValue : "\(stage.rawValue)-\(round)",
            model: model,
            toolbox: toolbox,
            tools: ToolContext(
                sandbox: sandbox, directory: directory, commandTimeout: settings.commandTimeout,
                outputLimit: settings.outputLimit),
            budget: budget,
            run: run)
        let submission = try await loop.converse(system: system, task: task)
        (state.steps, state.usage) = (await budget.steps, await budget.usage)
        return submission
    }

    /// Has the sandbox see the place of the mirror and start what its commands will need.
    func startSandbox() async throws {
        try FileManager.default.createDirectory(atPath: mirror, withIntermediateDirectories: true)
        _ = try await sandbox.provide(repository: mirror)
        try await sandbox.start()
    }

    /// Makes a clone of the mirror in the sandbox, in place of what is in the directory, and applies a patch to it.
    func clone(
        at base: String, _ branch: String, into directory: String, applying patch: Patch = Patch([])
    ) async throws {
        let source = try await sandbox.provide(repository: mirror)
        try await WorkspaceGit(sandbox: sandbox, directory: directory)
            .clone(from: source, base: base, branch: branch, applying: patch)
    }

    /// What the tests say of a patch.
    struct Verification: Codable, Sendable {
        /// `nil` where there is no command that runs the tests.
        var tests: TestReport?
    }

    /// Applies a patch to a fresh clone and runs the tests there.
    ///
    /// It is one effect: a crash in its midst begins again with a new clone, never with one that tests have been run in.
    func verify(
        _ name: String, _ patch: Patch?, of ground: TaskState.Ground, _ run: Run
    ) async throws -> Verification {
        try await run.effect(name, kind: .once) {
            // Nothing that the programmer left running may touch the clone that its work is judged on.
            if patch != nil { try await sandbox.killProcesses() }
            try await clone(at: ground.baseCommit, ground.branch, into: freshClone, applying: patch ?? Patch([]))
            guard let command = ground.testCommand else { return Verification() }
            return Verification(
                tests: try await TestReport.run(
                    command, in: sandbox, directory: freshClone, timeout: budget.clamp(settings.testTimeout)))
        }
    }
}
