/// A solution that a model wrote for a problem, and whether it passed: the line format of human-eval's results.
public struct HumanEvalSample: Codable, Sendable, Hashable {
    public var taskID: String
    /// The program without the test.
    public var completion: String
    public var passed: Bool
    /// `passed`, `timed out`, or `failed: ` and why.
    public var result: String

    public init(taskID: String, completion: String, passed: Bool, result: String) {
        self.taskID = taskID
        self.completion = completion
        self.passed = passed
        self.result = result
    }

    enum CodingKeys: String, CodingKey {
        case completion, passed, result
        case taskID = "task_id"
    }
}

/// The score of a model.
public struct HumanEvalReport: Codable, Sendable, Hashable {
    public var model: String
    public var problems: Int
    public var samplesPerProblem: Int
    /// pass@k by k, for the usual k up to the samples of a problem.
    public var passAt: [String: Double]
    /// How many samples passed, timed out and failed.
    public var results: [String: Int]

    enum CodingKeys: String, CodingKey {
        case model, problems, results
        case samplesPerProblem = "samples_per_problem"
        case passAt = "pass_at"
    }

    /// - Parameter samples: The same number for each problem.
    public init(model: String, samples: [HumanEvalSample]) {
        let byProblem = Dictionary(grouping: samples, by: \.taskID)
        let count = byProblem.values.map(\.count).min() ?? 0
        self.model = model
        problems = byProblem.count
        samplesPerProblem = count
        passAt = [:]
        for k in [1, 5, 10, 25, 50, 100, count] where k <= count && k > 0 {
            let scores = byProblem.values.map { samples in
                Self.passAtK(samples: samples.count, passed: samples.count(where: \.passed), k: k)
            }
            passAt["\(k)"] = (scores.reduce(0, +) / Double(scores.count)).rounded(places: 6)
        }
        results = Dictionary(grouping: samples) {
            $0.passed ? "passed" : $0.result == "timed out" ? $0.result : "failed"
        }
        .mapValues(\.count)
    }

    /// The chance that one of k samples passes, without bias from the samples there are: 1 − C(n−c, k) / C(n, k), as the
    /// product that does not overflow (Chen et al. 2021, figure 3).
    public static func passAtK(samples n: Int, passed c: Int, k: Int) -> Double {
        guard n - c >= k else { return 1 }
        var failing = 1.0
        for size in (n - c + 1)..<(n + 1) { failing *= 1 - Double(k) / Double(size) }
        return 1 - failing
    }
}
