extension TestReport {
    /// The run in a few words: `red, 1 failed, 4 passed`.
    public var summary: String {
        if timedOut { return "timed out after \(Int(seconds)) s" }
        let verdict = succeeded ? "green" : "red"
        guard let counts else { return "\(verdict), exit code \(exitCode.map(String.init) ?? "none")" }
        var parts = ["\(counts.failed) failed", "\(counts.passed) passed"]
        if counts.errors > 0 { parts.insert("\(counts.errors) with errors", at: 1) }
        if counts.skipped > 0 { parts.append("\(counts.skipped) skipped") }
        return "\(verdict), " + parts.joined(separator: ", ")
    }
}

extension TestComparison {
    /// `improved`, `unchanged` or `worse`.
    public var name: String {
        switch self {
        case .improved: "improved"
        case .unchanged: "unchanged"
        case .worse: "worse"
        }
    }
}
