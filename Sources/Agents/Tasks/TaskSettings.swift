/// How the operator wants tasks to be worked on.
public struct TaskSettings: Sendable {
    /// Where the host keeps its clones; the sandboxes can read their own there and write none.
    public var repositories: String
    /// The model of tasks that name none.
    public var model: String
    /// The most model calls a task may make, and the default.
    public var maxSteps = 100
    /// The most time a task may work, and the default.
    public var timeout: Duration = .seconds(3600)
    /// The most US dollars a task may cost; `nil` for no limit.
    public var maxCostUSD: Double?
    /// The time that one command of the programmer may take.
    public var commandTimeout: Duration = .seconds(120)
    /// The time that a run of the tests may take.
    public var testTimeout: Duration = .seconds(900)
    /// The bytes of a command's output that are kept.
    public var outputLimit = 16 * 1024
    /// Whether repositories may be named by a local path.
    public var allowLocalRepositories = false
    /// Whether commands of the sandbox reach the network, which the model is told.
    public var hasNetwork = false
    /// Whether branches are pushed.
    public var push = true
    /// Whether a task's clones and sandbox files are kept after it ended, to look at them.
    public var keepWorkspaces = false

    public init(repositories: String, model: String) {
        self.repositories = repositories
        self.model = model
    }
}
