import Foundation

extension TestCounts {
    /// Reads the counts out of what a test runner printed; the runner is recognised by its closing lines.
    ///
    /// Known are pytest, unittest, go test, cargo test, swift test (XCTest and Swift Testing), jest, vitest, mocha,
    /// node's runner, Maven Surefire, and a closing line “N passed, N failed”.
    public init?(output: String) {
        let lines = output.split(whereSeparator: \.isNewline).map { $0.removingEscapes }
        for read in [
            Self.swift, Self.cargo, Self.unittest, Self.maven, Self.node, Self.mocha, Self.summaryLine, Self.go,
        ] {
            if let counts = read(lines) {
                self = counts
                return
            }
        }
        return nil
    }

    /// pytest: `== 1 failed, 2 passed, 3 skipped in 0.1s ==`; jest and vitest: `Tests: 1 failed, 2 passed, 3 total`;
    /// and the plain `2 passed, 1 failed`.
    private static func summaryLine(_ lines: [String]) -> TestCounts? {
        for line in lines.reversed() {
            let numbers = line.numbersByWord
            guard numbers["passed"] != nil || numbers["failed"] != nil else { continue }
            let isFileCount = line.trimmed.hasPrefix("Test Files") || line.trimmed.hasPrefix("Test Suites")
            guard !isFileCount else { continue }
            return TestCounts(
                passed: numbers["passed"] ?? 0,
                failed: (numbers["failed"] ?? 0) + (numbers["error"] ?? 0) + (numbers["errors"] ?? 0),
                skipped: (numbers["skipped"] ?? 0) + (numbers["xfailed"] ?? 0) + (numbers["todo"] ?? 0))
        }
        // pytest that could not collect says only `1 error in 0.1s`.
        guard let last = lines.last, let errors = last.numbersByWord["error"] ?? last.numbersByWord["errors"],
            last.contains(" in ")
        else { return nil }
        return TestCounts(passed: 0, failed: errors)
    }

    /// unittest: `Ran 3 tests in 0.001s`, then `OK (skipped=1)` or `FAILED (failures=1, errors=1)`.
    private static func unittest(_ lines: [String]) -> TestCounts? {
        guard let place = lines.lastIndex(where: { $0.hasPrefix("Ran ") && $0.contains(" test") }),
            let ran = lines[place].split(separator: " ").dropFirst().first.flatMap({ Int($0) }),
            let verdict = lines[place...].first(where: {
                $0.hasPrefix("OK") || $0.hasPrefix("FAILED") || $0.hasPrefix("NO TESTS RAN")
            })
        else { return nil }
        let numbers = verdict.numbersByName
        let failed =
            numbers["failures", default: 0] + numbers["errors", default: 0]
            + numbers["unexpected successes", default: 0]
        let skipped = numbers["skipped", default: 0]
        return TestCounts(passed: max(0, ran - failed - skipped), failed: failed, skipped: skipped)
    }

    /// cargo: `test result: FAILED. 1 passed; 1 failed; 0 ignored; …`, once for each binary.
    private static func cargo(_ lines: [String]) -> TestCounts? {
        sum(
            lines.filter { $0.contains("test result: ") }.map { line in
                let numbers = line.numbersByWord
                return TestCounts(
                    passed: numbers["passed"] ?? 0, failed: numbers["failed"] ?? 0, skipped: numbers["ignored"] ?? 0)
            })
    }

    /// swift test: XCTest's `Executed 3 tests, with 1 test skipped and 1 failure (0 unexpected)`, and Swift Testing's
    /// `Test run with 3 tests in 1 suite failed after 0.1 seconds with 2 issues`.
    private static func swift(_ lines: [String]) -> TestCounts? {
        var parts: [TestCounts] = []
        if let line = lines.last(where: { $0.contains("Executed ") && $0.contains(" test") && $0.contains("failure") })
        {
            let numbers = line.numbersByWord
            let ran = numbers["tests"] ?? numbers["test"] ?? 0
            let failed = numbers["failures"] ?? numbers["failure"] ?? 0
            let skipped = line.contains("skipped") ? numbers["test skipped"] ?? numbers["tests skipped"] ?? 0 : 0
            parts.append(TestCounts(passed: max(0, ran - failed - skipped), failed: failed, skipped: skipped))
        }
        if let line = lines.last(where: { $0.contains("Test run with ") }) {
            let numbers = line.numbersByWord
            let ran = numbers["tests"] ?? numbers["test"] ?? 0
            // Issues are not tests: count the tests that are said to have failed.
            let failed = lines.count {
                ($0.contains(" Test ") && $0.contains(" failed after ")) && !$0.contains("Test run")
            }
            let least = line.contains(" failed after ") ? max(failed, 1) : 0
            parts.append(TestCounts(passed: max(0, ran - least), failed: least))
        }
        return sum(parts)
    }

    /// Maven Surefire: `Tests run: 3, Failures: 1, Errors: 0, Skipped: 1`; the last line sums up.
    private static func maven(_ lines: [String]) -> TestCounts? {
        guard let line = lines.last(where: { $0.contains("Tests run:") && $0.contains("Failures:") }) else {
            return nil
        }
        func number(_ name: String) -> Int {
            line.range(of: name + ": ").flatMap { Int(line[$0.upperBound...].prefix(while: \.isNumber)) } ?? 0
        }
        let failed = number("Failures") + number("Errors")
        let skipped = number("Skipped")
        return TestCounts(passed: max(0, number("Tests run") - failed - skipped), failed: failed, skipped: skipped)
    }

    /// node --test: `# pass 2`, `# fail 1`, or the same behind `ℹ`.
    private static func node(_ lines: [String]) -> TestCounts? {
        func number(_ name: String) -> Int? {
            lines.last { $0.hasPrefix("# \(name) ") || $0.hasPrefix("ℹ \(name) ") }
                .flatMap { Int($0.split(separator: " ").last ?? "") }
        }
        guard let passed = number("pass"), let failed = number("fail") else { return nil }
        return TestCounts(passed: passed, failed: failed, skipped: number("skipped") ?? 0)
    }

    /// mocha: `2 passing (5ms)`, `1 failing`, `1 pending`.
    private static func mocha(_ lines: [String]) -> TestCounts? {
        func number(_ word: String) -> Int? { lines.last { $0.numbersByWord[word] != nil }?.numbersByWord[word] }
        guard let passed = number("passing") else { return nil }
        return TestCounts(passed: passed, failed: number("failing") ?? 0, skipped: number("pending") ?? 0)
    }

    /// go test: `ok  pkg 0.1s`, `FAIL pkg 0.1s`; with `-v` also `--- PASS: TestX`. Packages are counted where tests are not.
    private static func go(_ lines: [String]) -> TestCounts? {
        let failedTests = lines.count { $0.trimmed.hasPrefix("--- FAIL: ") }
        let passedTests = lines.count { $0.trimmed.hasPrefix("--- PASS: ") }
        let skippedTests = lines.count { $0.trimmed.hasPrefix("--- SKIP: ") }
        if passedTests > 0 { return TestCounts(passed: passedTests, failed: failedTests, skipped: skippedTests) }
        let passed = lines.count { $0.hasPrefix("ok  \t") }
        let failed = lines.count { $0.hasPrefix("FAIL\t") }
        guard passed + failed > 0 else { return nil }
        return TestCounts(passed: passed, failed: max(failed, failedTests))
    }

    private static func sum(_ parts: [TestCounts]) -> TestCounts? {
        guard !parts.isEmpty else { return nil }
        return parts.reduce(into: TestCounts(passed: 0, failed: 0)) { sum, part in
            sum.passed += part.passed
            sum.failed += part.failed
            sum.skipped += part.skipped
        }
    }
}

extension String {
    fileprivate var trimmed: Substring { drop(while: \.isWhitespace) }

    /// Each number with the word behind it, and with the two words behind it: `3 tests skipped` gives `tests` and
    /// `tests skipped`. The first of a word counts.
    fileprivate var numbersByWord: [String: Int] {
        var numbers: [String: Int] = [:]
        let words = split { !$0.isLetter && !$0.isNumber }
        for (index, word) in words.enumerated() {
            guard let number = Int(word), index + 1 < words.count else { continue }
            let next = String(words[index + 1])
            if numbers[next] == nil { numbers[next] = number }
            if index + 2 < words.count {
                let two = next + " " + words[index + 2]
                if numbers[two] == nil { numbers[two] = number }
            }
        }
        return numbers
    }

    /// The numbers of `name=1, other name=2`.
    fileprivate var numbersByName: [String: Int] {
        let pairs = split { "(),".contains($0) }.compactMap { part -> (String, Int)? in
            let sides = part.split(separator: "=")
            guard sides.count == 2, let number = Int(sides[1]) else { return nil }
            return (String(String(sides[0]).trimmed), number)
        }
        return Dictionary(pairs) { first, _ in first }
    }
}

extension Substring {
    /// The line without colour codes (ECMA-48 CSI sequences).
    fileprivate var removingEscapes: String {
        guard contains("\u{1B}") else { return String(self) }
        return String(replacing(#/\u{1B}\[[0-9;]*[A-Za-z]/#, with: ""))
    }
}
