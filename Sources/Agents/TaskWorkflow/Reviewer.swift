import Foundation
import LanguageModels
import Sandboxes
import Workflow

/// Judges the change: the tests on a fresh clone that the programmer never touched, then the diff against goal and plan.
enum Reviewer {
    static func review(_ state: inout TaskState, _ run: Run, _ context: TaskContext) async throws {
        let round = state.reviews.count + 1
        try await run.log("REVIEWER: Reviewing changes...")
        let review =
            if let findings = try await verify(&state, run, context) {
                Review(approved: false, findings: findings)
            } else if context.skips(.reviewer) {
                Review(approved: true, findings: [])
            } else {
                try await judge(&state, round, run, context)
            }
        state.reviews.append(review)
        try await run.log(review.approved ? "REVIEWER: Approved" : "REVIEWER: Sent back")
        for finding in review.findings { try await run.log("REVIEWER: - \(finding.firstLine)") }
        if !review.approved, round == TaskWorkflow.reviewRounds { state.failure = failure(state, review) }
    }

    private static func failure(_ state: TaskState, _ review: Review) -> TaskFailure {
        if case .worse(let reason) = state.comparison {
            return TaskFailure(.testsWorse, "the tests are worse than before: \(reason)")
        }
        return TaskFailure(
            .notApproved,
            "the reviewer did not approve in \(TaskWorkflow.reviewRounds) rounds: "
                + (review.findings.first?.firstLine ?? "no finding given"))
    }

    /// Applies the patch to a fresh clone and runs the tests there.
    ///
    /// - Returns: Findings where the change cannot be approved whatever it looks like.
    private static func verify(
        _ state: inout TaskState, _ run: Run, _ context: TaskContext
    ) async throws -> [String]? {
        guard let ground = state.ground, let patch = state.patch else {
            throw TaskFailure(.internal, "there is no change to review")
        }
        let verification = try await context.verify("verify", patch, of: ground, run)
        guard let after = verification.tests, let before = state.testsBefore else { return nil }
        let comparison = TestComparison(before: before, after: after)
        (state.testsAfter, state.comparison) = (after, comparison)
        try await run.log("REVIEWER: Tests after: \(after.summary) (\(after.command))")
        guard case .worse(let reason) = comparison else { return nil }
        return ["The tests are worse than before. \(reason) The end of their output:\n\(after.outputTail)"]
    }

    private static func judge(
        _ state: inout TaskState, _ round: Int, _ run: Run, _ context: TaskContext
    ) async throws -> Review {
        let submission = try await context.converse(
            as: .reviewer, round: round, .reader(handingInBy: SubmitReviewTool()), in: context.freshClone,
            system: Prompts.reviewer, task: Prompts.reviewTask(state, context.request), &state, run)
        return try JSONDecoder().decode(Review.self, from: Data(submission.utf8))
    }
}

/// Hands in the judgement.
struct SubmitReviewTool: AgentTool {
    let definition = ToolDefinition(
        name: "submit_review",
        description: "Hand in your judgement and end the review.",
        parameters: [
            "type": "object",
            "properties": [
                "approved": ["type": "boolean", "description": "Whether the change may be delivered as it is."],
                "findings": [
                    "type": "array",
                    "items": ["type": "string"],
                    "description": "What must be mended, one finding each, with file and line. Empty when approved.",
                ],
            ],
            "required": ["approved", "findings"],
        ])
    let isReadOnly = true

    func call(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        let review = Review(
            approved: try arguments.requiredFlag("approved"), findings: try arguments.strings("findings"))
        guard review.approved || !review.findings.isEmpty else {
            return ToolOutput("A change that is not approved needs at least one finding.", isError: true)
        }
        return ToolOutput("Review recorded.", submission: try JSONText(review).text)
    }
}
