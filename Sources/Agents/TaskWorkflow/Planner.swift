import Foundation
import LanguageModels
import Workflow

/// Explores the repository, read-only, and records a plan of steps that can be checked.
enum Planner {
    static func plan(_ state: inout TaskState, _ run: Run, _ context: TaskContext) async throws {
        try await run.log("PLANNER: Generating plan...")
        let round = state.comments.count + 1
        let submission = try await context.converse(
            as: .planner, round: round, .reader(handingInBy: SubmitPlanTool()), in: context.repository,
            system: Prompts.planner, task: Prompts.planTask(state, context.request), &state, run)
        let plan = try JSONDecoder().decode(Plan.self, from: Data(submission.utf8))
        state.plan = plan
        state.replan = false
        for (index, step) in plan.steps.enumerated() {
            try await run.log("PLANNER: \(index + 1). \(step.title)")
        }
        guard context.request.approvePlan == true else { return }
        try await run.log("PLANNER: Waiting for the plan to be approved...")
        let answer: PlanAnswer = try await run.interrupt(PlanQuestion(plan: plan))
        let comment = answer.comment.flatMap { $0.isEmpty ? nil : $0 }
        if let comment { state.comments.append(comment) }
        if answer.approve { return try await run.log("PLANNER: Plan approved") }
        guard comment != nil, round < TaskWorkflow.planRounds else {
            throw TaskFailure(.planRejected, "the plan was turned down")
        }
        try await run.log("PLANNER: Plan sent back with comments")
        state.replan = true
    }
}

/// Hands in the plan.
struct SubmitPlanTool: AgentTool {
    let definition = ToolDefinition(
        name: "submit_plan",
        description: "Hand in the plan and end planning.",
        parameters: [
            "type": "object",
            "properties": [
                "summary": [
                    "type": "string",
                    "description": "What you found out that the programmer must know: files, causes, conventions.",
                ],
                "steps": [
                    "type": "array",
                    "items": [
                        "type": "object",
                        "properties": [
                            "title": ["type": "string", "description": "What to do."],
                            "check": ["type": "string", "description": "How to tell that it is done."],
                        ],
                        "required": ["title", "check"],
                    ],
                ],
            ],
            "required": ["summary", "steps"],
        ])
    let isReadOnly = true

    func call(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        let steps = try arguments.objects("steps").map { step in
            Plan.Step(title: try step.string("title"), check: try step.string("check"))
        }
        guard !steps.isEmpty else {
            return ToolOutput("The plan has no steps; hand in at least one.", isError: true)
        }
        let plan = Plan(summary: try arguments.string("summary"), steps: steps)
        return ToolOutput("Plan recorded.", submission: try JSONText(plan).text)
    }
}
