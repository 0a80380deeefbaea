import Agents
import Sandboxes
import Testing

@Suite struct TestCountsTests {
    @Test(arguments: [
        ("===== 1 failed, 2 passed, 3 skipped in 0.12s =====", 2, 1, 3),
        ("FF..\n2 failed, 2 passed in 0.05s", 2, 2, 0),
        ("= 1 failed, 1 passed, 1 error in 0.1s =", 1, 2, 0),
        (
            "ERROR tests/test_a.py\n!!!!! Interrupted: 1 error during collection !!!!!\n=== 1 error in 0.11s ===", 0, 1,
            0
        ),
        ("....\n----\nRan 4 tests in 0.001s\n\nOK", 4, 0, 0),
        ("Ran 5 tests in 0.001s\n\nFAILED (failures=1, errors=1, skipped=1)", 2, 2, 1),
        ("Ran 2 tests in 0.001s\n\nOK (skipped=2)", 0, 0, 2),
        ("Ran 0 tests in 0.000s\n\nNO TESTS RAN", 0, 0, 0),
        (
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured\ntest result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured",
            4, 2, 1
        ),
        ("ok  \texample.com/a\t0.01s\nFAIL\texample.com/b\t0.02s\nFAIL", 1, 1, 0),
        (
            "--- PASS: TestA (0.00s)\n--- FAIL: TestB (0.00s)\n--- SKIP: TestC (0.00s)\nFAIL\texample.com/a\t0.1s", 1,
            1, 1
        ),
        ("\t Executed 3 tests, with 1 test skipped and 1 failure (0 unexpected) in 0.1 (0.1) seconds", 1, 1, 1),
        (
            "✘ Test a() failed after 0.001 seconds with 2 issues.\n✘ Test run with 3 tests in 1 suite failed after 0.1 seconds with 2 issues.",
            2, 1, 0
        ),
        ("✔ Test run with 5 tests in 1 suite passed after 0.1 seconds.", 5, 0, 0),
        ("Test Suites: 1 failed, 1 total\nTests:       1 failed, 4 passed, 5 total\nTime: 1s", 4, 1, 0),
        (" Test Files  1 failed | 1 passed (2)\n      Tests  2 failed | 3 passed (5)", 3, 2, 0),
        ("  2 passing (5ms)\n  1 failing\n", 2, 1, 0),
        ("# tests 3\n# pass 2\n# fail 1\n# skipped 0", 2, 1, 0),
        ("Tests run: 2, Failures: 0\nTests run: 4, Failures: 1, Errors: 1, Skipped: 1", 1, 2, 1),
        ("\u{1B}[31m1 failed\u{1B}[0m, \u{1B}[32m3 passed\u{1B}[0m in 0.1s", 3, 1, 0),
        ("7 passed, 0 failed", 7, 0, 0),
    ])
    func readsWhatRunnersPrint(_ output: String, passed: Int, failed: Int, skipped: Int) {
        #expect(TestCounts(output: output) == TestCounts(passed: passed, failed: failed, skipped: skipped))
    }

    @Test(arguments: [
        "", "make: *** No rule to make target 'test'. Stop.", "all good", "Error: cannot find module 'x'",
    ])
    func saysNothingOfOtherOutput(_ output: String) {
        #expect(TestCounts(output: output) == nil)
    }

    @Test func comparesRuns() {
        func report(_ code: Int?, _ output: String, timedOut: Bool = false) -> TestReport {
            TestReport(
                command: "t", outcome: CommandOutcome(exitCode: code, output: output, timedOut: timedOut))
        }
        let red = report(1, "2 passed, 1 failed")
        let green = report(0, "3 passed, 0 failed")
        #expect(TestComparison(before: red, after: green) == .improved)
        #expect(TestComparison(before: red, after: red) == .unchanged)
        #expect(TestComparison(before: green, after: green) == .unchanged)
        #expect(TestComparison(before: green, after: red).name == "worse")
        // A green run that lost tests is worse, too.
        #expect(TestComparison(before: green, after: report(0, "2 passed, 0 failed")).name == "worse")
        #expect(TestComparison(before: red, after: report(1, "1 passed, 2 failed")).name == "worse")
        #expect(TestComparison(before: red, after: report(2, "SyntaxError")).name == "worse")
        #expect(TestComparison(before: red, after: report(nil, "", timedOut: true)).name == "worse")
        #expect(TestComparison(before: report(1, "?"), after: report(0, "?")) == .improved)
        #expect(TestComparison(before: report(0, "?"), after: report(1, "?")).name == "worse")
        #expect(TestComparison(before: report(1, "?"), after: report(2, "?")) == .unchanged)
    }
}
