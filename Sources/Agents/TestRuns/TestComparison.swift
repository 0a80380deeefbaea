/// Whether a change made the tests better or worse.
public enum TestComparison: Codable, Sendable, Hashable {
    case improved
    case unchanged
    /// Why, in one sentence.
    case worse(String)

    /// Compares two runs of the same tests.
    ///
    /// Counts speak only where both runs have them; else the exit codes do. A run that lost its counts while it fails
    /// is worse: the tests most likely no longer start.
    public init(before: TestReport, after: TestReport) {
        if let reason = Self.decline(before, after) {
            self = .worse(reason)
        } else if Self.isBetter(before, after) {
            self = .improved
        } else {
            self = .unchanged
        }
    }

    private static func decline(_ before: TestReport, _ after: TestReport) -> String? {
        if after.timedOut, !before.timedOut { return "The tests no longer end in time." }
        if after.exitCode == nil, before.exitCode != nil { return "The test command no longer ends by itself." }
        if let code = after.exitCode, isNotRunning(code), !isNotRunning(before.exitCode) {
            return "The test command can no longer be run (exit code \(code))."
        }
        if before.succeeded, !after.succeeded {
            return "The tests succeeded before and fail now (exit code \(after.exitCode.map(String.init) ?? "none"))."
        }
        switch (before.counts, after.counts) {
        case (let before?, let after?):
            let (broken, brokenBefore) = (after.failed + after.errors, before.failed + before.errors)
            if broken > brokenBefore { return "\(broken) tests fail now, and \(brokenBefore) did before." }
            if after.passed < before.passed {
                return "\(after.passed) tests pass now, and \(before.passed) did before."
            }
            return nil
        case (let counts?, nil) where !after.succeeded && counts.passed > 0:
            return "The tests no longer tell how many of them passed, and \(counts.passed) did before."
        default: return nil
        }
    }

    private static func isBetter(_ before: TestReport, _ after: TestReport) -> Bool {
        if after.succeeded, !before.succeeded { return true }
        if before.exitCode == nil, after.exitCode != nil { return true }
        guard let before = before.counts, let after = after.counts else { return false }
        return after.failed + after.errors < before.failed + before.errors || after.passed > before.passed
    }

    /// What a shell answers for a command that is not there or not a program.
    private static func isNotRunning(_ exitCode: Int?) -> Bool { exitCode == 126 || exitCode == 127 }
}
