import Foundation
import LanguageModels
import Workflow

/// A trajectory as mini-swe-agent writes it (`trajectory_format: mini-swe-agent-1.1`), for its inspector and its readers.
struct MiniTrajectory: Encodable {
    struct Info: Encodable {
        struct Statistics: Encodable {
            var instanceCost: Double
            var apiCalls: Int
        }

        var modelStats: Statistics
        var config: [String: JSONValue]
        var miniVersion: String
        var exitStatus: String
        var submission: String
    }

    struct Message: Encodable {
        struct Call: Encodable {
            struct Function: Encodable {
                var name: String
                /// JSON in a string, as OpenAI has it.
                var arguments: String
            }

            var id: String
            var type = "function"
            var function: Function
        }

        var role: String
        var content: String
        var toolCalls: [Call]?
        var toolCallId: String?
        var extra: [String: JSONValue]
    }

    var info: Info
    var messages: [Message] = []
    var trajectoryFormat = "mini-swe-agent-1.1"

    init(_ transcript: Transcript, version: String) throws {
        let result = transcript.snapshot.result
        let status =
            switch result {
            case nil: "Running"
            case let result?: result.error.map { $0.code.rawValue } ?? "Submitted"
            }
        info = Info(
            modelStats: .init(
                instanceCost: transcript.conversations.flatMap(\.turns).reduce(0) { $0 + ($1.call.costUSD ?? 0) },
                apiCalls: transcript.snapshot.steps),
            config: [
                "agent": .object(["name": "swe-agent", "version": .string(version)]),
                "model": .object(["model_name": .string(result?.model ?? "")]),
            ],
            miniVersion: "swe-agent \(version)",
            exitStatus: status,
            submission: result?.patch?.text ?? "")
        for conversation in transcript.conversations {
            let extra: [String: JSONValue] = ["conversation": .string(conversation.name)]
            for turn in conversation.turns { messages += try Self.messages(of: turn, extra) }
        }
        messages.append(
            Message(
                role: "exit", content: result?.error?.message ?? result?.summary ?? "",
                extra: ["exit_status": .string(status), "submission": .string(info.submission)]))
    }

    private static func messages(of turn: Transcript.Turn, _ extra: [String: JSONValue]) throws -> [Message] {
        var messages: [Message] = []
        if let system = turn.system { messages.append(Message(role: "system", content: system, extra: extra)) }
        for text in turn.said { messages.append(Message(role: "user", content: text, extra: extra)) }
        let reply = turn.call.reply
        var told = extra
        told["timestamp"] = .number(turn.time.timeIntervalSince1970)
        if let cost = turn.call.costUSD { told["cost"] = .number(cost) }
        let calls = try reply.turn.toolCalls.map { call in
            Message.Call(
                id: call.id,
                function: .init(name: call.name, arguments: try call.arguments.text()))
        }
        messages.append(
            Message(
                role: "assistant", content: reply.turn.text, toolCalls: calls.isEmpty ? nil : calls, extra: told))
        for (call, output) in zip(reply.turn.toolCalls, turn.outputs) {
            messages.append(Message(role: "tool", content: output.content, toolCallId: call.id, extra: extra))
        }
        return messages
    }
}

extension ToolCall.Arguments {
    /// The arguments as the text of a JSON object, or as the model wrote them.
    func text() throws -> String {
        switch self {
        case .malformed(let text): text
        case .object(let members): try JSONText(members).text
        }
    }
}
