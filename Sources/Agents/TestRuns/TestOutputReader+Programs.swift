/// How each test program words its results.
extension TestOutputReader {
    /// `=== 1 failed, 5 passed, 2 skipped in 0.12s ===`, with `-q` without the rules.
    static func pytest(_ lines: [Substring], isCut: Bool) -> Reading {
        let summary = lines.last { line in
            guard let end = line.last, "s)=".contains(end), !line.hasPrefix("test result:"),
                let time = line.ranges(of: " in ").last
            else { return false }
            let duration = line[time.upperBound...].prefix { $0 != " " }
            let words = CountLine(line[..<time.lowerBound])
            return duration.hasSuffix("s") && Double(duration.dropLast()) != nil
                && (line.contains("no tests ran") || line.contains(" deselected")
                    || words.count(before: "passed", "failed", "skipped", "error", "errors", "xfailed", "xpassed")
                        != nil)
        }
        guard let summary else { return .unrecognised }
        let words = CountLine(summary)
        return .recognised(
            TestCounts(
                passed: (words.count(before: "passed") ?? 0) + (words.count(before: "xpassed") ?? 0),
                failed: words.count(before: "failed") ?? 0,
                skipped: (words.count(before: "skipped") ?? 0) + (words.count(before: "xfailed") ?? 0),
                errors: words.count(before: "error", "errors") ?? 0))
    }

    /// `Ran 5 tests in 0.001s`, then `OK (skipped=1)` or `FAILED (failures=1, errors=2)`.
    static func unittest(_ lines: [Substring], isCut: Bool) -> Reading {
        var total = TestCounts()
        var ran: Int?
        var isRecognised = false
        for line in lines {
            if line.hasPrefix("Ran "), line.contains(" in "), let count = CountLine(line).count(before: "test", "tests")
            {
                ran = count
            } else if let count = ran, line.hasPrefix("OK") || line.hasPrefix("FAILED") || line == "NO TESTS RAN" {
                let parts = line.drop { $0 != "(" }.dropFirst().prefix { $0 != ")" }.split(separator: ", ")
                let named = Dictionary(
                    parts.map { $0.split(separator: "=") }.filter { $0.count == 2 }.map {
                        ($0[0], CountLine.number($0[1]) ?? 0)
                    },
                    uniquingKeysWith: { first, _ in first })
                let failed = (named["failures"] ?? 0) + (named["unexpected successes"] ?? 0)
                let skipped = (named["skipped"] ?? 0) + (named["expected failures"] ?? 0)
                let errors = named["errors"] ?? 0
                // An error in the set-up of a class is counted although no test ran.
                total += TestCounts(
                    passed: max(0, count - failed - skipped - errors), failed: failed, skipped: skipped, errors: errors)
                (ran, isRecognised) = (nil, true)
            }
        }
        return isRecognised ? .recognised(total) : .unrecognised
    }

    /// `test result: ok. 5 passed; 0 failed; 1 ignored; …`, once for each program of tests.
    static func cargo(_ lines: [Substring], isCut: Bool) -> Reading {
        let results = lines.filter { $0.hasPrefix("test result: ") }.map(CountLine.init)
        guard !results.isEmpty else { return .unrecognised }
        guard !isCut else { return .recognised(nil) }
        var total = TestCounts()
        for words in results {
            total += TestCounts(
                passed: words.count(before: "passed") ?? 0, failed: words.count(before: "failed") ?? 0,
                skipped: words.count(before: "ignored") ?? 0)
        }
        return .recognised(total)
    }

    /// XCTest's `Executed 5 tests, with 1 test skipped and 2 failures …`, of which the last is the total, and Swift
    /// Testing's `Test run with 5 tests in 2 suites failed after …`. Both count failed expectations, not failed tests,
    /// so failed tests are counted by their own lines.
    static func swift(_ lines: [Substring], isCut: Bool) -> Reading {
        let executed = lines.last { $0.hasPrefix("Executed ") && $0.contains(" failure") }
        let run = lines.last { $0.contains("Test run with ") && $0.contains(" test") }
        guard executed != nil || run != nil else { return .unrecognised }
        var total = TestCounts()
        if let executed {
            let words = CountLine(executed)
            let isClean = words.count(before: "failure", "failures") == 0
            guard isClean || !isCut else { return .recognised(nil) }
            let failed =
                isClean ? 0 : lines.count { $0.hasPrefix("Test Case ") && $0.contains("' failed (") }
            let skipped =
                CountLine(
                    executed.replacing("tests skipped", with: "skipped").replacing("test skipped", with: "skipped")
                )
                .count(before: "skipped") ?? 0
            total += TestCounts(
                passed: max(0, (words.count(after: "executed") ?? 0) - failed - skipped), failed: failed,
                skipped: skipped)
        }
        if let run {
            let isClean = run.contains(" passed after ")
            guard isClean || !isCut else { return .recognised(nil) }
            let tests = lines.map { $0.drop { $0 != " " }.dropFirst() }.filter {
                $0.hasPrefix("Test ") && !$0.hasPrefix("Test run ") && !$0.hasPrefix("Test case ")
            }
            let failed = isClean ? 0 : tests.count { $0.contains(" failed after ") }
            let skipped = tests.count { $0.hasSuffix(" skipped.") || $0.contains(" skipped: ") }
            let count = CountLine(run).count(after: "with") ?? 0
            total += TestCounts(passed: max(0, count - failed), failed: failed, skipped: skipped)
        }
        return .recognised(total)
    }

    /// With `-v` a line for each test, `--- PASS: TestX (0.00s)`; else only one for each package.
    static func go(_ lines: [Substring], isCut: Bool) -> Reading {
        func count(_ prefix: String) -> Int { lines.count { $0.hasPrefix(prefix) } }
        let broken = lines.count {
            $0.hasPrefix("FAIL\t") && ($0.hasSuffix("[build failed]") || $0.hasSuffix("[setup failed]"))
        }
        let (passing, failing) = (count("ok  \t"), count("FAIL\t"))
        let tests = TestCounts(
            passed: count("--- PASS: "), failed: count("--- FAIL: "), skipped: count("--- SKIP: "), errors: broken)
        guard passing + failing > 0 || tests.passed + tests.failed > 0 else { return .unrecognised }
        if isCut { return .recognised(nil) }
        let isVerbose = tests.passed + tests.skipped > 0 || count("=== RUN ") > 0
        return .recognised(
            isVerbose ? tests : TestCounts(passed: passing, failed: failing - broken, errors: broken))
    }

    /// Jest's `Tests: 1 failed, 5 passed, 6 total`, and Vitest's `Tests  1 failed | 5 passed (6)`.
    static func jestOrVitest(_ lines: [Substring], isCut: Bool) -> Reading {
        let results = lines.filter { line in
            line.hasPrefix("Tests:") && line.hasSuffix(" total")
                || line.hasPrefix("Tests ") && (line.hasSuffix(")") || line.hasSuffix("no tests"))
        }
        guard !results.isEmpty else { return .unrecognised }
        var total = TestCounts(errors: lines.count { $0 == "● Test suite failed to run" })
        for words in results.map(CountLine.init) {
            total += TestCounts(
                passed: words.count(before: "passed") ?? 0, failed: words.count(before: "failed") ?? 0,
                skipped: (words.count(before: "skipped") ?? 0) + (words.count(before: "todo") ?? 0))
        }
        return .recognised(total)
    }

    /// `5 passing (10ms)`, `1 failing`, `2 pending`, each on a line.
    static func mocha(_ lines: [Substring], isCut: Bool) -> Reading {
        guard lines.contains(where: { $0.contains(" passing (") && $0.first?.isNumber == true }) else {
            return .unrecognised
        }
        var total = TestCounts()
        for line in lines where line.first?.isNumber == true {
            let words = CountLine(line)
            if line.contains(" passing (") { total.passed += words.count(before: "passing") ?? 0 }
            if line.hasSuffix(" failing") { total.failed += words.count(before: "failing") ?? 0 }
            if line.hasSuffix(" pending") { total.skipped += words.count(before: "pending") ?? 0 }
        }
        return .recognised(total)
    }

    /// `ℹ pass 5` and `ℹ fail 1`, or as TAP `# pass 5`; see Node's documentation "Test reporters".
    static func node(_ lines: [Substring], isCut: Bool) -> Reading {
        var values: [Substring: Int] = [:]
        for line in lines where line.hasPrefix("ℹ ") || line.hasPrefix("# ") {
            let words = line.split(separator: " ")
            if words.count == 3, let value = CountLine.number(words[2]) { values[words[1], default: 0] += value }
        }
        guard let passed = values["pass"], values["fail"] != nil || values["tests"] != nil else { return .unrecognised }
        return .recognised(
            TestCounts(
                passed: passed, failed: values["fail"] ?? 0,
                skipped: (values["skipped"] ?? 0) + (values["todo"] ?? 0), errors: values["cancelled"] ?? 0))
    }

    /// `Tests run: 5, Failures: 1, Errors: 0, Skipped: 0`, for each class with a time and for each module without.
    static func maven(_ lines: [Substring], isCut: Bool) -> Reading {
        let results = lines.filter { $0.contains("Tests run: ") && $0.contains("Failures: ") }
        let modules = results.filter { !$0.contains("Time elapsed") }
        guard !results.isEmpty else { return .unrecognised }
        guard !modules.isEmpty || !isCut else { return .recognised(nil) }
        var total = TestCounts()
        for words in (modules.isEmpty ? results : modules).map(CountLine.init) {
            let failed = words.count(after: "failures") ?? 0
            let errors = words.count(after: "errors") ?? 0
            let skipped = words.count(after: "skipped") ?? 0
            total += TestCounts(
                passed: max(0, (words.count(after: "run") ?? 0) - failed - errors - skipped), failed: failed,
                skipped: skipped, errors: errors)
        }
        return .recognised(total)
    }

    /// `5 tests completed, 1 failed, 2 skipped`, which Gradle only prints when a test failed.
    static func gradle(_ lines: [Substring], isCut: Bool) -> Reading {
        var total: TestCounts?
        for line in lines where line.contains(" completed, ") {
            let words = CountLine(line)
            guard line.contains("test"), let failed = words.count(before: "failed") else { continue }
            let count = line.prefix(while: \.isNumber)
            let skipped = words.count(before: "skipped") ?? 0
            var sum = total ?? TestCounts()
            sum += TestCounts(
                passed: max(0, (CountLine.number(count) ?? 0) - failed - skipped), failed: failed, skipped: skipped)
            total = sum
        }
        return total.map { .recognised($0) } ?? .unrecognised
    }

    /// Any last line with both numbers: `5 passed, 1 failed`, `Passed: 5, Failed: 1`.
    static func plain(_ lines: [Substring], isCut: Bool) -> Reading {
        for line in lines.reversed() {
            let lowercased = line.lowercased()
            guard lowercased.contains("passed"), lowercased.contains("failed") else { continue }
            let words = CountLine(line)
            if let passed = words.count(before: "passed"), let failed = words.count(before: "failed") {
                return .recognised(
                    TestCounts(
                        passed: passed, failed: failed, skipped: words.count(before: "skipped") ?? 0,
                        errors: words.count(before: "error", "errors") ?? 0))
            }
            if let passed = words.count(after: "passed"), let failed = words.count(after: "failed") {
                return .recognised(
                    TestCounts(
                        passed: passed, failed: failed, skipped: words.count(after: "skipped") ?? 0,
                        errors: words.count(after: "error", "errors") ?? 0))
            }
        }
        return .unrecognised
    }
}
