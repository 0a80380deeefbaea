import Sandboxes
import Workflow

/// Prepares the ground: the clones, what the repository says about itself, and the tests as they were.
enum Manager {
    static func prepare(_ state: inout TaskState, _ run: Run, _ context: TaskContext) async throws {
        try await run.log("Starting task...")
        try await run.log("Cloning repo...")
        let request = context.request
        let source: GitMirror = try await run.effect("clone") {
            // The sandbox starts meanwhile: neither needs the other to be done.
            async let started: Void = context.startSandbox()
            let mirror = try await context.git.mirror(
                context.remote, branch: request.baseBranch, into: context.mirror)
            try await started
            return mirror
        }
        let branch = BranchName.forTask(id: context.id, goal: request.goal)
        try await run.effect("check out") {
            try await context.clone(at: source.base, branch, into: context.repository)
        }
        let survey: RepositorySurvey = try await run.effect("survey") {
            try await RepositorySurvey.make(of: context.repository, test: request.testCommand, in: context.sandbox)
        }
        let ground = TaskState.Ground(
            baseBranch: source.branch, baseCommit: source.base, branch: branch, guidance: survey.guidance,
            testCommand: survey.testCommand?.command)
        state.ground = ground
        if let command = ground.testCommand {
            state.testsBefore = try await context.verify("tests before", nil, of: ground, run).tests
            try await run.log("Tests before: \(state.testsBefore?.summary ?? "none") (\(command))")
        } else {
            try await run.log("No test command was found; give one as test_command")
        }
        if context.skips(.planner) || Route.isTrivial(request.goal), request.approvePlan != true {
            state.plan = Plan(summary: "", steps: [Plan.Step(title: request.goal, check: "The goal is met.")])
        }
    }
}

/// Decides whether a goal needs a plan.
enum Route {
    private static let trivialVerbs: Set<String> = ["bump", "rename", "reword", "typo"]
    private static let trivialObjects: Set<String> = [
        "typo", "typos", "comment", "docstring", "whitespace", "spelling",
    ]
    private static let mostWords = 15

    /// Whether the goal is a change of a few words, such as “Fix a typo in the README”.
    static func isTrivial(_ goal: String) -> Bool {
        let words = goal.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
        guard words.count <= mostWords, let first = words.first else { return false }
        return trivialVerbs.contains(first) || (first == "fix" && !trivialObjects.isDisjoint(with: words))
    }
}
