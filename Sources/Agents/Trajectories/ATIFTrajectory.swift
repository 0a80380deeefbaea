import Foundation
import LanguageModels
import Workflow

/// A trajectory in the Agent Trajectory Interchange Format, version 1.7
/// (https://github.com/laude-institute/harbor/blob/main/docs/rfcs/0001-trajectory-format.md).
///
/// The task is the root: the goal, and one step for each conversation, whose own trajectory is among the sub-agents.
struct ATIFTrajectory: Encodable {
    struct Agent: Encodable {
        var name: String
        var version: String
        var model_name: String?
    }

    struct Step: Encodable {
        struct Call: Encodable {
            var tool_call_id: String
            var function_name: String
            var arguments: [String: JSONValue]
        }

        struct Observation: Encodable {
            struct Result: Encodable {
                struct Reference: Encodable {
                    var trajectory_id: String
                }

                var source_call_id: String?
                var content: String?
                var subagent_trajectory_ref: [Reference]?
            }

            var results: [Result]
        }

        struct Metrics: Encodable {
            var prompt_tokens: Int
            var completion_tokens: Int
            var cached_tokens: Int
            var cost_usd: Double?
        }

        var step_id = 0
        var timestamp: String?
        var source: String
        var model_name: String?
        var message: String
        var tool_calls: [Call]?
        var observation: Observation?
        var metrics: Metrics?
    }

    struct FinalMetrics: Encodable {
        var total_prompt_tokens: Int
        var total_completion_tokens: Int
        var total_cached_tokens: Int
        var total_cost_usd: Double?
        var total_steps: Int
    }

    var schema_version = "ATIF-v1.7"
    var session_id: String
    var trajectory_id: String
    var agent: Agent
    var steps: [Step] = []
    var final_metrics: FinalMetrics
    var subagent_trajectories: [ATIFTrajectory]?

    init(_ transcript: Transcript, version: String) throws {
        let snapshot = transcript.snapshot
        session_id = snapshot.id
        trajectory_id = snapshot.id
        agent = Agent(name: "swe-agent", version: version, model_name: snapshot.result?.model)
        steps = [
            Step(timestamp: Self.format(snapshot.createdAt), source: "user", message: snapshot.request?.goal ?? "")
        ]
        let parts = try transcript.conversations.map { try ATIFTrajectory($0, of: snapshot.id, version: version) }
        for (conversation, part) in zip(transcript.conversations, parts) {
            steps.append(
                Step(
                    timestamp: Self.format(conversation.turns.first?.time), source: "system",
                    message: "The \(conversation.name) works.",
                    observation: .init(results: [
                        .init(subagent_trajectory_ref: [.init(trajectory_id: part.trajectory_id)])
                    ])
                ))
        }
        if let result = snapshot.result {
            let ending = result.error.map { "Failed: \($0.message)" } ?? result.summary ?? "Completed."
            steps.append(Step(timestamp: Self.format(snapshot.updatedAt), source: "system", message: ending))
        }
        final_metrics = FinalMetrics(of: transcript.conversations.flatMap(\.turns), steps: steps.count)
        subagent_trajectories = parts.isEmpty ? nil : parts
        number()
    }

    private init(_ conversation: Transcript.Conversation, of task: String, version: String) throws {
        session_id = task
        trajectory_id = "\(task)/\(conversation.name)"
        agent = Agent(
            name: conversation.name, version: version, model_name: conversation.turns.first?.call.reply.model)
        for turn in conversation.turns {
            let time = Self.format(turn.time)
            if let system = turn.system { steps.append(Step(timestamp: time, source: "system", message: system)) }
            for text in turn.said { steps.append(Step(timestamp: time, source: "user", message: text)) }
            steps.append(Self.step(of: turn, at: time))
        }
        final_metrics = FinalMetrics(of: conversation.turns, steps: steps.count)
        number()
    }

    private static func step(of turn: Transcript.Turn, at time: String?) -> Step {
        let reply = turn.call.reply
        let calls = reply.turn.toolCalls.map { call in
            let arguments: [String: JSONValue] =
                switch call.arguments {
                case .object(let members): members
                case .malformed(let text): ["malformed": .string(text)]
                }
            return Step.Call(tool_call_id: call.id, function_name: call.name, arguments: arguments)
        }
        let results = zip(reply.turn.toolCalls, turn.outputs).map { call, output in
            Step.Observation.Result(source_call_id: call.id, content: output.content)
        }
        return Step(
            timestamp: time, source: "agent", model_name: reply.model, message: reply.turn.text,
            tool_calls: calls.isEmpty ? nil : calls,
            observation: results.isEmpty ? nil : Step.Observation(results: results),
            metrics: Step.Metrics(
                prompt_tokens: reply.usage.inputTokens, completion_tokens: reply.usage.outputTokens,
                cached_tokens: reply.usage.cachedInputTokens, cost_usd: turn.call.costUSD))
    }

    private mutating func number() {
        for index in steps.indices { steps[index].step_id = index + 1 }
    }

    private static func format(_ date: Date?) -> String? {
        date?.formatted(JournalEntry.timestamps)
    }
}

extension ATIFTrajectory.FinalMetrics {
    init(of turns: [Transcript.Turn], steps: Int) {
        let usage = turns.map(\.call.reply.usage)
        let costs = turns.compactMap(\.call.costUSD)
        self.init(
            total_prompt_tokens: usage.reduce(0) { $0 + $1.inputTokens },
            total_completion_tokens: usage.reduce(0) { $0 + $1.outputTokens },
            total_cached_tokens: usage.reduce(0) { $0 + $1.cachedInputTokens },
            total_cost_usd: costs.count == turns.count ? costs.reduce(0, +) : nil,
            total_steps: steps)
    }
}
