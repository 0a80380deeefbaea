/// The stages of a task, as the guide names them, and the publisher who delivers.
public enum TaskStage: String, CaseIterable, Codable, Sendable {
    case manager, planner, programmer, reviewer, publisher
}

/// What stages hand on to one another; written to the journal after each.
struct TaskState: Codable, Sendable {
    /// What the manager found.
    struct Ground: Codable, Sendable {
        /// `nil` where the work starts from a tag.
        var baseBranch: String?
        var baseCommit: String
        /// The branch the change will be on.
        var branch: String
        /// What AGENTS.md and the README say, shortened.
        var guidance: String
        var testCommand: String?
    }

    var ground: Ground?
    var testsBefore: TestReport?
    var plan: Plan?
    /// What a person said about the plan.
    var comments: [String] = []
    /// Set while a person's comments wait for a new plan.
    var replan = false
    var summary: String?
    var patch: Patch?
    var testsAfter: TestReport?
    var comparison: TestComparison?
    var reviews: [Review] = []
    var commit: String?
    var push: PushReport?
    var steps = 0
    var usage = UsageReport()
    /// Set where the work ended without a change to deliver.
    var failure: TaskFailure?

    /// The result as far as the task has come.
    func result(of model: String) -> TaskResult {
        var result = TaskResult()
        result.error = failure
        result.summary = summary
        result.plan = plan
        result.baseBranch = ground?.baseBranch
        result.baseCommit = ground?.baseCommit
        result.branch = commit == nil ? nil : ground?.branch
        result.commit = commit
        result.push = push
        result.patch = patch
        result.diff = patch?.statistics
        result.tests = TestEvidence(before: testsBefore, after: testsAfter, comparison: comparison?.name)
        result.reviews = reviews
        result.steps = steps
        result.usage = usage
        result.model = model
        return result
    }
}

/// The question put to a person before code is written.
public struct PlanQuestion: Codable, Sendable {
    /// Always `approve_plan`.
    public var kind = "approve_plan"
    public var plan: Plan
}

/// A person's answer to a ``PlanQuestion``.
public struct PlanAnswer: Codable, Sendable {
    /// Whether the programmer may begin.
    public var approve: Bool
    /// What to do differently; without approval it makes a new plan.
    public var comment: String?

    public init(approve: Bool, comment: String? = nil) {
        self.approve = approve
        self.comment = comment
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case approve, comment
    }
}

extension PlanAnswer: KnownMembers {
    public static var memberNames: Set<String> { Set(CodingKeys.allCases.map(\.rawValue)) }
}
