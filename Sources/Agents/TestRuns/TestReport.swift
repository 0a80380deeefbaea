public import Sandboxes

/// One run of the tests.
public struct TestReport: Codable, Sendable, Hashable {
    public var command: String
    /// `nil` where the run was killed at its timeout, or ended its shell.
    public var exitCode: Int?
    public var timedOut: Bool
    /// What the runner counted; `nil` where its output is none that is known.
    public var counts: TestCounts?
    public var seconds: Double
    /// The end of the output.
    public var outputTail: String

    private static let tailLength = 4000

    public init(command: String, outcome: CommandOutcome) {
        self.command = command
        exitCode = outcome.exitCode
        timedOut = outcome.timedOut
        counts = TestCounts(output: outcome.output)
        seconds = outcome.seconds.rounded(places: 3)
        outputTail = String(outcome.output.suffix(Self.tailLength))
    }

    enum CodingKeys: String, CodingKey {
        case command
        case exitCode = "exit_code"
        case timedOut = "timed_out"
        case counts, seconds
        case outputTail = "output_tail"
    }

    /// Whether the tests ran and none failed.
    public var passed: Bool { exitCode == 0 }

    /// The run in a few words.
    public var summary: String {
        if timedOut { return "timed out after \(Int(seconds)) s" }
        let verdict = passed ? "green" : "red"
        guard let counts else { return "\(verdict), exit code \(exitCode.map(String.init) ?? "none")" }
        return "\(verdict), \(counts.summary)"
    }
}

/// What a test runner counted.
public struct TestCounts: Codable, Sendable, Hashable {
    public var passed: Int
    /// Failures and errors.
    public var failed: Int
    public var skipped: Int

    public init(passed: Int, failed: Int, skipped: Int = 0) {
        self.passed = passed
        self.failed = failed
        self.skipped = skipped
    }

    public var summary: String {
        let skips = skipped > 0 ? ", \(skipped) skipped" : ""
        return "\(failed) failed, \(passed) passed\(skips)"
    }
}
