/// What a client asks for: a goal, a repository, and limits.
public struct TaskRequest: Codable, Sendable, Hashable {
    /// What is to be done, in the client's words.
    public var goal: String
    /// Where the repository is cloned from, and the branch is pushed to.
    public var repoURL: String
    /// The branch to begin from; the remote's default branch where it is not given.
    public var baseBranch: String?
    /// The model to use in place of `MODEL_NAME`.
    public var model: String?
    /// The command that runs the tests; found in the repository where it is not given.
    public var testCommand: String?
    /// The most model calls that the whole task may make.
    public var maxSteps: Int?
    /// The most seconds that the task may work, waiting in the queue not counted.
    public var timeoutSeconds: Int?
    /// The most US dollars that model calls may cost.
    public var maxCostUSD: Double?
    /// Stages to leave out: `planner`, `reviewer`. Tests are always run on a fresh clone.
    public var skipStages: [String]?
    /// Whether a person is asked to approve the plan before code is written.
    public var approvePlan: Bool?

    public init(
        goal: String, repoURL: String, baseBranch: String? = nil, model: String? = nil, testCommand: String? = nil,
        maxSteps: Int? = nil, timeoutSeconds: Int? = nil, maxCostUSD: Double? = nil, skipStages: [String]? = nil,
        approvePlan: Bool? = nil
    ) {
        self.goal = goal
        self.repoURL = repoURL
        self.baseBranch = baseBranch
        self.model = model
        self.testCommand = testCommand
        self.maxSteps = maxSteps
        self.timeoutSeconds = timeoutSeconds
        self.maxCostUSD = maxCostUSD
        self.skipStages = skipStages
        self.approvePlan = approvePlan
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case goal
        case repoURL = "repo_url"
        case baseBranch = "base_branch"
        case model
        case testCommand = "test_command"
        case maxSteps = "max_steps"
        case timeoutSeconds = "timeout_seconds"
        case maxCostUSD = "max_cost_usd"
        case skipStages = "skip_stages"
        case approvePlan = "approve_plan"
    }
}

/// A type read from a client whose members are known, so that others can be refused.
public protocol KnownMembers {
    static var memberNames: Set<String> { get }
}

extension TaskRequest: KnownMembers {
    public static var memberNames: Set<String> { Set(CodingKeys.allCases.map(\.rawValue)) }
}
