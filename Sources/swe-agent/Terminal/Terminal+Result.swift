import Agents

extension Terminal {
    /// Prints how a task ended, with the evidence, and the change where it is at hand.
    func print(_ result: TaskResult, status: String, diff: String?) {
        if let diff, !diff.isEmpty {
            print()
            print(diff: diff.hasSuffix("\n") ? String(diff.dropLast()) : diff)
        }
        print()
        print(status, status == "COMPLETED" ? .green : .red)
        func row(_ name: String, _ text: String?) {
            guard let text, !text.isEmpty else { return }
            print(styled(name.padding(toLength: 9), .dim) + " " + text.printable(limit: 2000))
        }
        row("why", result.error?.message)
        row("summary", result.summary)
        row("tests", result.tests.flatMap(\.line))
        row(
            "review",
            result.reviews.last.map { review in
                let rounds = result.reviews.count == 1 ? "1 round" : "\(result.reviews.count) rounds"
                let findings = review.findings.isEmpty ? "" : ": " + review.findings.joined(separator: "; ")
                return "\(review.approved ? "approved" : "not approved") after \(rounds)\(findings)"
            })
        row(
            "change",
            result.diff.map { diff in
                "\(diff.files == 1 ? "1 file" : "\(diff.files) files"), +\(diff.insertions) −\(diff.deletions)"
            })
        row("base", result.baseCommit.map { "\($0.prefix(12))\(result.baseBranch.map { " (\($0))" } ?? "")" })
        row("branch", result.branch)
        row("commit", result.commit)
        row("push", result.push.map { $0.status.rawValue + ($0.detail.map { ": \($0)" } ?? "") })
        row("model", result.model)
        row("used", result.usageLine)
    }
}

extension TestEvidence {
    fileprivate var line: String? {
        switch (before, after) {
        case (let before?, let after?): "\(before.summary) before; \(after.summary) after (\(after.command))"
        case (let before?, nil): "\(before.summary) before (\(before.command))"
        case (nil, let after?): "\(after.summary) after (\(after.command))"
        case (nil, nil): nil
        }
    }
}

extension TaskResult {
    fileprivate var usageLine: String {
        var parts = [steps == 1 ? "1 step" : "\(steps) steps", "\(usage.inputTokens + usage.outputTokens) tokens"]
        if let cost = usage.costUSD { parts.append(cost.dollars) }
        parts.append(seconds.values.reduce(0, +).clock)
        return parts.joined(separator: ", ")
    }
}

extension String {
    fileprivate func padding(toLength length: Int) -> String {
        self + String(repeating: " ", count: max(0, length - count))
    }
}
