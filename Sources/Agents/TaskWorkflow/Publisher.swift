import Workflow

/// Delivers an approved change: a commit made from the patch, on a branch, pushed where the remote takes it.
///
/// The commit is made on the host from the reviewed patch alone, in the clone that no sandbox could write.
enum Publisher {
    static func publish(_ state: inout TaskState, _ run: Run, _ context: TaskContext) async throws {
        guard let ground = state.ground, let patch = state.patch else {
            throw TaskFailure(.internal, "there is no change to deliver")
        }
        let message = Prompts.commitMessage(goal: context.request.goal, summary: state.summary)
        let commit: String = try await run.effect("commit", kind: .once) {
            try await context.git.branchTip(ground.branch, mirror: context.mirror)
        } _: {
            try await context.git.makeCommit(
                mirror: context.mirror, base: ground.baseCommit, branch: ground.branch, patch: patch, message: message)
        }
        state.commit = commit
        try await run.log("Committed \(commit.prefix(12)) on \(ground.branch)")
        guard context.settings.push else {
            state.push = PushReport(.skipped, detail: "pushing is switched off (GIT_PUSH=never)")
            return
        }
        let report: PushReport = try await run.effect("push", kind: .once) {
            try await hasArrived(commit, ground.branch, context) ? PushReport(.pushed) : nil
        } _: {
            let report = PushReport(
                of: try await context.git.push(mirror: context.mirror, to: context.remote, branch: ground.branch))
            // The connection may break when the remote has taken the branch, and a push that a crash cut off may still be
            // at work there while this one is refused.
            guard [.rejected, .unreachable].contains(report.status),
                (try? await hasArrived(commit, ground.branch, context)) == true
            else { return report }
            return PushReport(.pushed)
        }
        state.push = report
        try await run.log(
            report.status == .pushed
                ? "Pushed \(ground.branch)"
                : "The branch was not pushed: \(report.detail ?? report.status.rawValue); the patch holds the change")
    }

    private static func hasArrived(_ commit: String, _ branch: String, _ context: TaskContext) async throws -> Bool {
        try await context.git.remoteBranch(branch, of: context.remote) == commit
    }
}

extension PushReport {
    init(of outcome: PushOutcome) {
        switch outcome {
        case .pushed, .upToDate: self.init(.pushed)
        case .rejected(let reason): self.init(.rejected, detail: reason)
        case .unauthorized(let reason): self.init(.unauthorized, detail: reason)
        case .unreachable(let reason): self.init(.unreachable, detail: reason)
        }
    }
}
