import Agents
import Foundation
import Sandboxes
import Testing

struct TestReportTests {
    private func counts(_ output: String, omitted: Int = 0, exitCode: Int = 1) -> TestCounts? {
        TestReport(
            command: "x", outcome: CommandOutcome(exitCode: exitCode, output: output, omittedBytes: omitted)
        ).counts
    }

    @Test(arguments: [
        ("5 passed in 0.12s", TestCounts(passed: 5)),
        (
            "...F\nFAILED a.py::b - AssertionError: 9 passed in 1s, no\n1 failed, 3 passed in 0.12s\n",
            TestCounts(passed: 3, failed: 1)
        ),
        (
            "=== 2 failed, 5 passed, 1 skipped, 1 xfailed, 1 xpassed, 3 warnings, 2 errors in 65.12s (0:01:05) ===\n",
            TestCounts(passed: 6, failed: 2, skipped: 2, errors: 2)
        ),
        (
            "\u{1B}[31m\u{1B}[1m1 failed\u{1B}[0m, \u{1B}[32m2 passed\u{1B}[0m\u{1B}[31m in 0.01s\u{1B}[0m\n",
            TestCounts(passed: 2, failed: 1)
        ),
        ("no tests ran in 0.00s", TestCounts()),
        ("1 error in 0.08s", TestCounts(errors: 1)),
    ])
    func pytest(_ output: String, _ expected: TestCounts) {
        #expect(counts(output) == expected)
        #expect(counts("begin\n" + output, omitted: 1000) == expected)
    }

    @Test(arguments: [
        ("....\n------\nRan 4 tests in 0.001s\n\nOK\n", TestCounts(passed: 4)),
        ("Ran 1 test in 0.001s\n\nFAILED (failures=1)\n", TestCounts(failed: 1)),
        (
            "Ran 10 tests in 0.0s\n\nFAILED (failures=1, errors=2, skipped=1, expected failures=1, unexpected successes=1)",
            TestCounts(passed: 4, failed: 2, skipped: 2, errors: 2)
        ),
        ("Ran 0 tests in 0.000s\n\nNO TESTS RAN\n", TestCounts()),
        ("Ran 3 tests in 1s\n\nOK (skipped=3)\n", TestCounts(skipped: 3)),
    ])
    func unittest(_ output: String, _ expected: TestCounts) {
        #expect(counts(output) == expected)
    }

    @Test func cargo() {
        let output = """
            running 3 tests
            test a ... ok
            test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
               Doc-tests x
            test result: ok. 1 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.10s
            """
        #expect(counts(output) == TestCounts(passed: 3, failed: 1, skipped: 2))
        #expect(counts(output, omitted: 1) == nil)
        #expect(counts("error[E0308]: mismatched types\nerror: could not compile `x`") == nil)
    }

    @Test func go() {
        let verbose = """
            === RUN   TestA
            --- PASS: TestA (0.00s)
            === RUN   TestB
            === RUN   TestB/sub
            --- FAIL: TestB (0.00s)
                --- FAIL: TestB/sub (0.00s)
            --- SKIP: TestC (0.00s)
            FAIL
            FAIL\texample.com/a\t0.002s
            FAIL\texample.com/b [build failed]
            ok  \texample.com/c\t0.001s
            """
        #expect(counts(verbose) == TestCounts(passed: 1, failed: 2, skipped: 1, errors: 1))
        #expect(counts(verbose, omitted: 1) == nil)
        #expect(
            counts("ok  \ta\t0.1s\nok  \tb\t(cached)\n--- FAIL: TestX (0.0s)\nFAIL\tc\t0.1s\nFAIL\n")
                == TestCounts(passed: 2, failed: 1))
    }

    @Test func swift() {
        let both = """
            Test Suite 'All tests' started
            Test Case 'A.testX' passed (0.001 seconds)
            A.swift:3: error: A.testY : XCTAssertEqual failed
            A.swift:4: error: A.testY : XCTAssertEqual failed
            Test Case 'A.testY' failed (0.002 seconds)
            Test Case 'A.testZ' skipped (0.0 seconds)
            \t Executed 3 tests, with 1 test skipped and 2 failures (0 unexpected) in 0.003 (0.003) seconds
            Test Suite 'All tests' failed
            \t Executed 3 tests, with 1 test skipped and 2 failures (0 unexpected) in 0.003 (0.003) seconds
            ◇ Test run started.
            ✔ Test one() passed after 0.001 seconds.
            ✘ Test two(_:) recorded an issue at T.swift:1:1: Expectation failed
            ✘ Test two(_:) with 2 test cases failed after 0.001 seconds with 2 issues.
            ➜ Test three() skipped: "not here"
            ✘ Suite S failed after 0.002 seconds with 2 issues.
            ✘ Test run with 2 tests in 1 suite failed after 0.002 seconds with 2 issues.
            """
        #expect(counts(both) == TestCounts(passed: 2, failed: 2, skipped: 2))
        #expect(counts(both, omitted: 1) == nil)
        let clean = """
            \t Executed 0 tests, with 0 failures (0 unexpected) in 0.0 (0.0) seconds
            ✔ Test run with 53 tests in 7 suites passed after 0.5 seconds.
            """
        #expect(counts(clean) == TestCounts(passed: 53))
        #expect(counts(clean, omitted: 1) == TestCounts(passed: 53))
    }

    @Test(arguments: [
        (
            "Test Suites: 1 failed, 2 total\nTests:       1 failed, 2 skipped, 1 todo, 5 passed, 9 total\n",
            TestCounts(passed: 5, failed: 1, skipped: 3)
        ),
        (
            "  ● Test suite failed to run\n\nTest Suites: 1 failed, 1 total\nTests:       0 total\n",
            TestCounts(errors: 1)
        ),
        (
            " Test Files  1 failed | 1 passed (2)\n      Tests  1 failed | 5 passed | 2 skipped (8)\n   Duration  1.2s",
            TestCounts(passed: 5, failed: 1, skipped: 2)
        ),
        (" Test Files  1 failed (1)\n      Tests  no tests\n", TestCounts()),
        ("  5 passing (10ms)\n  1 failing\n  2 pending\n\n  1) x\n", TestCounts(passed: 5, failed: 1, skipped: 2)),
        (
            "ℹ tests 7\nℹ suites 0\nℹ pass 5\nℹ fail 1\nℹ cancelled 0\nℹ skipped 1\nℹ todo 0\nℹ duration_ms 60.1",
            TestCounts(passed: 5, failed: 1, skipped: 1)
        ),
        ("TAP version 13\nnot ok 1 - x\n1..2\n# tests 2\n# pass 1\n# fail 1\n", TestCounts(passed: 1, failed: 1)),
    ])
    func javaScript(_ output: String, _ expected: TestCounts) {
        #expect(counts(output) == expected)
    }

    @Test func javaBuilds() {
        let maven = """
            [ERROR] Tests run: 3, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.05 s <<< FAILURE! -- in a.B
            [INFO] Results:
            [ERROR] Tests run: 5, Failures: 1, Errors: 1, Skipped: 1
            """
        #expect(counts(maven) == TestCounts(passed: 2, failed: 1, skipped: 1, errors: 1))
        #expect(counts("12 tests completed, 1 failed, 2 skipped\n") == TestCounts(passed: 9, failed: 1, skipped: 2))
    }

    @Test(arguments: [
        ("5 passed, 1 failed", TestCounts(passed: 5, failed: 1)),
        ("Result: 1 FAILED, 5 PASSED, 2 skipped", TestCounts(passed: 5, failed: 1, skipped: 2)),
        ("Failed!  - Failed:     1, Passed:     5, Skipped:     0, Total:     6", TestCounts(passed: 5, failed: 1)),
    ])
    func plain(_ output: String, _ expected: TestCounts) {
        #expect(counts(output) == expected)
    }

    @Test(arguments: [
        "", "ok", "make: *** [test] Error 1", "bash: pytest: command not found", "5 passed", "All tests passed",
        "\u{1B}[", "Ran x tests in y", "FAILED (", "Tests run: Failures: ", "Executed  failure", "Test run with  test",
    ])
    func otherOutputHasNoCounts(_ output: String) {
        let known = counts(output)
        #expect(known == nil || known == TestCounts())
    }

    @Test func claimsBeyondReasonDoNotTrap() {
        let most = "9223372036854775807"
        for line in [
            "\(most) passed, \(most) xpassed in 1s", "Ran \(most) tests in 1s\nOK (skipped=\(most))",
            "test result: ok. \(most) passed;\ntest result: ok. \(most) passed;", "\(most) passing (1s)",
            "# pass \(most)\n# fail \(most)\n# pass \(most)", "Tests run: \(most), Failures: \(most), Errors: \(most)",
            "\(most) tests completed, \(most) failed", "Executed \(most) tests, with \(most) failures",
            "Test run with \(most) tests failed after", "2147483647 passed, 2147483647 failed",
        ] {
            _ = counts([String](repeating: line, count: 10).joined(separator: "\n"))
        }
    }

    @Test func isCodedInSnakeCase() throws {
        let report = TestReport(
            command: "make test", outcome: CommandOutcome(exitCode: nil, output: "x", timedOut: true))
        let data = try JSONEncoder().encode(report)
        #expect(String(decoding: data, as: UTF8.self).contains("\"timed_out\":true"))
        #expect(try JSONDecoder().decode(TestReport.self, from: data) == report)
    }

    // MARK: - comparison

    private func report(_ exitCode: Int?, _ counts: TestCounts? = nil, timedOut: Bool = false) -> TestReport {
        let line = counts.map { "\($0.failed) failed, \($0.passed) passed, \($0.errors) errors in 1s" }
        return TestReport(
            command: "x", outcome: CommandOutcome(exitCode: exitCode, output: line ?? "", timedOut: timedOut))
    }

    private func isWorse(_ before: TestReport, _ after: TestReport) -> Bool {
        if case .worse(let reason) = TestComparison(before: before, after: after) { !reason.isEmpty } else { false }
    }

    @Test func worse() {
        let good = TestCounts(passed: 5)
        let bad = TestCounts(passed: 4, failed: 1)
        #expect(isWorse(report(0, good), report(1, bad)))
        #expect(isWorse(report(0), report(1)))
        #expect(isWorse(report(0), report(5)))
        #expect(isWorse(report(1, bad), report(1, TestCounts(passed: 4, failed: 2))))
        #expect(isWorse(report(1, bad), report(1, TestCounts(passed: 4, failed: 1, errors: 1))))
        #expect(isWorse(report(1, bad), report(1, TestCounts(passed: 3, failed: 1))))
        #expect(isWorse(report(0, good), report(0, TestCounts(passed: 4))))
        #expect(isWorse(report(1, bad), report(1)))
        #expect(isWorse(report(1, bad), report(127)))
        #expect(isWorse(report(1), report(127)))
        #expect(isWorse(report(1), report(nil, timedOut: true)))
        #expect(isWorse(report(0), report(nil)))
    }

    @Test func improvedOrUnchanged() {
        let bad = TestCounts(passed: 4, failed: 1)
        #expect(TestComparison(before: report(1, bad), after: report(0, TestCounts(passed: 5))) == .improved)
        #expect(TestComparison(before: report(1), after: report(0)) == .improved)
        #expect(TestComparison(before: report(1), after: report(0, bad)) == .improved)
        #expect(TestComparison(before: report(5), after: report(0, TestCounts(passed: 1))) == .improved)
        #expect(TestComparison(before: report(127), after: report(1)) == .unchanged)
        #expect(TestComparison(before: report(nil, timedOut: true), after: report(1)) == .improved)
        #expect(
            TestComparison(before: report(0, TestCounts(passed: 5)), after: report(0, TestCounts(passed: 6)))
                == .improved)
        #expect(
            TestComparison(before: report(2, TestCounts(errors: 1)), after: report(1, TestCounts(passed: 3, failed: 1)))
                == .improved)
        #expect(TestComparison(before: report(1, bad), after: report(1, bad)) == .unchanged)
        #expect(TestComparison(before: report(0), after: report(0)) == .unchanged)
        #expect(TestComparison(before: report(1), after: report(1)) == .unchanged)
        #expect(TestComparison(before: report(0, TestCounts(passed: 5)), after: report(0)) == .unchanged)
        #expect(TestComparison(before: report(1), after: report(1, bad)) == .unchanged)
        #expect(TestComparison(before: report(nil, timedOut: true), after: report(nil, timedOut: true)) == .unchanged)
    }
}
