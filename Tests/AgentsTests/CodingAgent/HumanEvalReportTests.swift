import Agents
import Testing

/// pass@k, beside values from the definition: one minus the share of the subsets of k samples in which all fail.
struct HumanEvalReportTests {
    @Test(
        arguments: [
            (10, 0, 1, 0.0), (10, 10, 1, 1.0), (10, 3, 1, 0.3), (4, 2, 2, 5.0 / 6), (5, 1, 3, 0.6), (5, 3, 3, 1.0),
            (200, 1, 100, 0.5), (1, 1, 1, 1.0),
        ] as [(Int, Int, Int, Double)])
    func passAtKIsTheUnbiasedEstimate(samples: Int, passed: Int, k: Int, expected: Double) {
        let estimate = HumanEvalReport.passAtK(samples: samples, passed: passed, k: k)
        #expect(abs(estimate - expected) < 1e-12)
    }

    @Test func theReportIsTheMeanOverProblems() {
        func sample(_ id: String, _ result: String) -> HumanEvalSample {
            HumanEvalSample(taskID: id, completion: "", passed: result == "passed", result: result)
        }
        let report = HumanEvalReport(
            model: "m",
            samples: [
                sample("a", "passed"), sample("a", "failed: x"), sample("b", "timed out"), sample("b", "failed: y"),
            ])
        #expect(report.passAt == ["1": 0.25, "2": 0.5])
        #expect(report.results == ["passed": 1, "failed": 2, "timed out": 1])
        #expect((report.problems, report.samplesPerProblem) == (2, 2))
    }
}
