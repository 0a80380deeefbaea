import LanguageModels
import Sandboxes
import Workflow

/// Writes the code and runs the tests until it has a change to hand in.
enum Programmer {
    static func program(_ state: inout TaskState, _ run: Run, _ context: TaskContext) async throws {
        guard let ground = state.ground else { throw TaskFailure(.internal, "the manager left no ground to work on") }
        let round = state.reviews.count + 1
        try await run.log(
            round == 1 ? "PROGRAMMER: Executing plan..." : "PROGRAMMER: Working on the review's findings...")
        state.summary = try await context.converse(
            as: .programmer, round: round, .programmer, in: context.repository,
            system: Prompts.programmer(
                directory: context.repository, hasNetwork: context.settings.hasNetwork),
            task: Prompts.programTask(state, context.request), &state, run)
        let diff: WorkspaceDiff = try await run.effect("diff") {
            try await WorkspaceGit(sandbox: context.sandbox, directory: context.repository)
                .diff(against: ground.baseCommit)
        }
        guard !diff.patch.isEmpty else {
            throw TaskFailure(.emptyChange, "the programmer handed in no change: \(state.summary?.firstLine ?? "")")
        }
        state.patch = diff.patch
        let statistics = diff.patch.statistics
        try await run.log(
            "PROGRAMMER: Changed \(statistics.files) files (+\(statistics.insertions) -\(statistics.deletions))")
    }
}
