import LanguageModels

/// A request that no task can be made of.
public struct TaskRequestError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Stable names for programs.
    public enum Code: String, Sendable {
        case emptyGoal = "empty_goal"
        case goalTooLong = "goal_too_long"
        case badRepositoryURL = "bad_repo_url"
        case badBranch = "bad_base_branch"
        case badModel = "bad_model"
        case badLimit = "bad_limit"
        case badTestCommand = "bad_test_command"
        case badStage = "bad_skip_stages"
    }

    public var code: Code
    /// One sentence that says what to write.
    public var message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}

extension TaskRunner {
    /// The most bytes of a goal.
    public static let goalLimit = 64 * 1024
    private static let commandLimit = 16 * 1024
    private static let optionalStages: Set<String> = [TaskStage.planner.rawValue, TaskStage.reviewer.rawValue]

    /// Checks everything about a request that can be checked before work begins.
    ///
    /// - Throws: ``TaskRequestError``.
    public func validate(_ request: TaskRequest) throws {
        guard request.goal.contains(where: { !$0.isWhitespace }) else {
            throw TaskRequestError(.emptyGoal, "the goal is empty; say what is to be done")
        }
        guard request.goal.utf8.count <= Self.goalLimit else {
            throw TaskRequestError(.goalTooLong, "the goal is longer than \(Self.goalLimit) bytes; say it shorter")
        }
        do throws(GitURLError) {
            _ = try GitURL(request.repoURL, allowLocalPaths: settings.allowLocalRepositories)
        } catch {
            throw TaskRequestError(.badRepositoryURL, error.message)
        }
        if let branch = request.baseBranch, !BranchName.isValid(branch) {
            throw TaskRequestError(.badBranch, "base_branch is not a name that git allows")
        }
        if let command = request.testCommand,
            command.isEmpty || command.utf8.count > Self.commandLimit || command.contains("\0")
        {
            throw TaskRequestError(
                .badTestCommand, "test_command must be a shell command of 1 to \(Self.commandLimit) bytes")
        }
        for stage in request.skipStages ?? [] where !Self.optionalStages.contains(stage) {
            throw TaskRequestError(.badStage, "skip_stages can name planner and reviewer only")
        }
        try validateLimits(request)
        try validateModel(request)
    }

    private func validateLimits(_ request: TaskRequest) throws {
        if let steps = request.maxSteps, !(1...settings.maxSteps).contains(steps) {
            throw TaskRequestError(.badLimit, "max_steps must be 1 to \(settings.maxSteps)")
        }
        let longest = Int(settings.timeout.seconds)
        if let seconds = request.timeoutSeconds, !(1...longest).contains(seconds) {
            throw TaskRequestError(.badLimit, "timeout_seconds must be 1 to \(longest)")
        }
        if let cost = request.maxCostUSD, !(cost > 0 && cost <= settings.maxCostUSD ?? .greatestFiniteMagnitude) {
            let most = settings.maxCostUSD.map { " and at most \($0)" } ?? ""
            throw TaskRequestError(.badLimit, "max_cost_usd must be more than 0\(most)")
        }
    }

    private func validateModel(_ request: TaskRequest) throws {
        let name = request.model ?? settings.model
        // The price is that of the model itself, not of an alias such as ops-4.5.
        if request.maxCostUSD != nil, let model = try? makeModel(name), prices.price(of: model.name) == nil {
            throw TaskRequestError(
                .badLimit, "max_cost_usd needs the price of \(name), which is not known; name it in MODEL_PRICES")
        }
        guard let name = request.model else { return }
        // A replayed trajectory is a file of the operator's machine.
        guard settings.allowLocalRepositories || !name.hasPrefix("replay/") else {
            throw TaskRequestError(.badModel, "replay models can be set by the operator only, with MODEL_NAME")
        }
        do {
            _ = try makeModel(name)
        } catch {
            throw TaskRequestError(.badModel, "\(error)")
        }
    }
}
