/// What a change did to the tests.
public enum TestComparison: Codable, Sendable, Hashable {
    case improved
    case unchanged
    /// Why, in a few words.
    case worse(String)

    /// Judges by exit codes, and by counts where both runs have them.
    ///
    /// Red tests that stay as red are no fault of the change; anything lost is.
    public init(before: TestReport, after: TestReport) {
        if before.passed, !after.passed {
            self = .worse("they passed before (\(before.summary)) and do not now (\(after.summary))")
        } else if after.timedOut, !before.timedOut {
            self = .worse("they \(after.summary) and did not before")
        } else if let old = before.counts, let new = after.counts {
            if new.failed > old.failed {
                self = .worse("\(new.failed) fail where \(old.failed) did before")
            } else if new.passed < old.passed {
                self = .worse("\(new.passed) pass where \(old.passed) did before")
            } else {
                self = new.failed < old.failed || new.passed > old.passed ? .improved : .unchanged
            }
        } else if before.counts != nil, !after.passed {
            self = .worse("they could be counted before (\(before.summary)) and do not run now")
        } else {
            self = after.passed && !before.passed ? .improved : .unchanged
        }
    }

    /// `improved`, `unchanged` or `worse`.
    public var name: String {
        switch self {
        case .improved: "improved"
        case .unchanged: "unchanged"
        case .worse: "worse"
        }
    }
}
