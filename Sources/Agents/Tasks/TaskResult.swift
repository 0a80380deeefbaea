/// How a task ended, with the evidence.
public struct TaskResult: Codable, Sendable {
    /// Why the task failed; `nil` when it was completed.
    public var error: TaskFailure?
    /// What was done, in the programmer's words.
    public var summary: String?
    public var plan: Plan?
    public var baseBranch: String?
    public var baseCommit: String?
    /// The branch that holds the change.
    public var branch: String?
    public var commit: String?
    /// Whether the branch reached the remote, and if not, why.
    public var push: PushReport?
    /// The change as a unified diff against the base commit; partial where the task failed.
    public var patch: Patch?
    public var diff: DiffStatistics?
    public var tests: TestEvidence?
    public var reviews: [Review] = []
    /// The model calls made.
    public var steps = 0
    public var usage = UsageReport()
    /// Seconds of work by stage, waiting for people not counted.
    public var seconds: [String: Double] = [:]
    public var model: String?

    public init() {}

    enum CodingKeys: String, CodingKey {
        case error, summary, plan
        case baseBranch = "base_branch"
        case baseCommit = "base_commit"
        case branch, commit, push, patch, diff, tests, reviews, steps, usage, seconds, model
    }
}

/// Why a task did not complete.
public struct TaskFailure: Error, Codable, Sendable, Hashable, CustomStringConvertible {
    /// Stable names for programs.
    public enum Code: String, Codable, Sendable {
        case cancelled
        case stepBudget = "step_budget"
        case timeBudget = "time_budget"
        case costBudget = "cost_budget"
        /// The model did the same again and again.
        case noProgress = "no_progress"
        /// The model failed for good: key, quota, request, or too many failures in a row.
        case model
        /// The repository could not be cloned or the branch does not exist.
        case repository
        case sandbox
        /// The programmer handed in no change.
        case emptyChange = "empty_change"
        /// The change is too large, or git cannot apply it.
        case unusableChange = "unusable_change"
        /// The tests are worse than before.
        case testsWorse = "tests_worse"
        /// The reviewer did not approve within its rounds.
        case notApproved = "not_approved"
        /// A person turned the plan down.
        case planRejected = "plan_rejected"
        case `internal`
    }

    public var code: Code
    /// One sentence.
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}

/// What the planner hands to the programmer.
public struct Plan: Codable, Sendable, Hashable {
    public struct Step: Codable, Sendable, Hashable {
        /// What to do.
        public var title: String
        /// How one can tell that it is done.
        public var check: String

        public init(title: String, check: String) {
            self.title = title
            self.check = check
        }
    }

    /// What the planner found out about the repository.
    public var summary: String
    public var steps: [Step]

    public init(summary: String, steps: [Step]) {
        self.summary = summary
        self.steps = steps
    }
}

/// One round of review.
public struct Review: Codable, Sendable, Hashable {
    public var approved: Bool
    public var findings: [String]

    public init(approved: Bool, findings: [String]) {
        self.approved = approved
        self.findings = findings
    }
}

/// The tests before and after the change, both on clones that the programmer could not touch.
public struct TestEvidence: Codable, Sendable, Hashable {
    public var before: TestReport?
    public var after: TestReport?
    /// `improved`, `unchanged` or `worse`.
    public var comparison: String?

    public init(before: TestReport? = nil, after: TestReport? = nil, comparison: String? = nil) {
        self.before = before
        self.after = after
        self.comparison = comparison
    }
}

/// What became of the branch.
public struct PushReport: Codable, Sendable, Hashable {
    public enum Status: String, Codable, Sendable {
        case pushed, rejected, unauthorized, unreachable, skipped
    }

    public var status: Status
    public var detail: String?

    public init(_ status: Status, detail: String? = nil) {
        self.status = status
        self.detail = detail
    }
}

/// Tokens and money over a whole task.
public struct UsageReport: Codable, Sendable, Hashable {
    public var inputTokens = 0
    public var cachedInputTokens = 0
    public var outputTokens = 0
    /// US dollars; `nil` where a price is not known.
    public var costUSD: Double? = 0

    public init() {}

    enum CodingKeys: String, CodingKey {
        case inputTokens = "input_tokens"
        case cachedInputTokens = "cached_input_tokens"
        case outputTokens = "output_tokens"
        case costUSD = "cost_usd"
    }
}
