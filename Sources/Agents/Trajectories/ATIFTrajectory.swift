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
        var modelName: String?
    }

    struct Step: Encodable {
        struct Call: Encodable {
            var toolCallId: String
            var functionName: String
            var arguments: [String: JSONValue]
        }

        struct Observation: Encodable {
            struct Result: Encodable {
                struct Reference: Encodable {
                    var trajectoryId: String
                }

                var sourceCallId: String?
                var content: String?
                var subagentTrajectoryRef: [Reference]?
            }

            var results: [Result]
        }

        struct Metrics: Encodable {
            var promptTokens: Int
            var completionTokens: Int
            var cachedTokens: Int
            var costUsd: Double?
        }

        var stepId = 0
        var timestamp: String?
        var source: String
        var modelName: String?
        var message: String
        var toolCalls: [Call]?
        var observation: Observation?
        var metrics: Metrics?
    }

    struct FinalMetrics: Encodable {
        var totalPromptTokens: Int
        var totalCompletionTokens: Int
        var totalCachedTokens: Int
        var totalCostUsd: Double?
        var totalSteps: Int
    }

    var schemaVersion = "ATIF-v1.7"
    var sessionId: String
    var trajectoryId: String
    var agent: Agent
    var steps: [Step] = []
    var finalMetrics: FinalMetrics
    var subagentTrajectories: [ATIFTrajectory]?

    init(_ transcript: Transcript, version: String) throws {
        let snapshot = transcript.snapshot
        sessionId = snapshot.id
        trajectoryId = snapshot.id
        agent = Agent(name: "swe-agent", version: version, modelName: snapshot.result?.model)
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
                        .init(subagentTrajectoryRef: [.init(trajectoryId: part.trajectoryId)])
                    ])
                ))
        }
        if let result = snapshot.result {
            let ending = result.error.map { "Failed: \($0.message)" } ?? result.summary ?? "Completed."
            steps.append(Step(timestamp: Self.format(snapshot.updatedAt), source: "system", message: ending))
        }
        finalMetrics = FinalMetrics(of: transcript.conversations.flatMap(\.turns), steps: steps.count)
        subagentTrajectories = parts.isEmpty ? nil : parts
        number()
    }

    private init(_ conversation: Transcript.Conversation, of task: String, version: String) throws {
        sessionId = task
        trajectoryId = "\(task)/\(conversation.name)"
        agent = Agent(
            name: conversation.name, version: version, modelName: conversation.turns.first?.call.reply.model)
        for turn in conversation.turns {
            let time = Self.format(turn.time)
            if let system = turn.system { steps.append(Step(timestamp: time, source: "system", message: system)) }
            for text in turn.said { steps.append(Step(timestamp: time, source: "user", message: text)) }
            steps.append(Self.step(of: turn, at: time))
        }
        finalMetrics = FinalMetrics(of: conversation.turns, steps: steps.count)
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
            return Step.Call(toolCallId: call.id, functionName: call.name, arguments: arguments)
        }
        let results = zip(reply.turn.toolCalls, turn.outputs).map { call, output in
            Step.Observation.Result(sourceCallId: call.id, content: output.content)
        }
        return Step(
            timestamp: time, source: "agent", modelName: reply.model, message: reply.turn.text,
            toolCalls: calls.isEmpty ? nil : calls,
            observation: results.isEmpty ? nil : Step.Observation(results: results),
            metrics: Step.Metrics(
                promptTokens: reply.usage.inputTokens, completionTokens: reply.usage.outputTokens,
                cachedTokens: reply.usage.cachedInputTokens, costUsd: turn.call.costUSD))
    }

    private mutating func number() {
        for index in steps.indices { steps[index].stepId = index + 1 }
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
            totalPromptTokens: usage.reduce(0) { $0 + $1.inputTokens },
            totalCompletionTokens: usage.reduce(0) { $0 + $1.outputTokens },
            totalCachedTokens: usage.reduce(0) { $0 + $1.cachedInputTokens },
            totalCostUsd: costs.count == turns.count ? costs.reduce(0, +) : nil,
            totalSteps: steps)
    }
}
