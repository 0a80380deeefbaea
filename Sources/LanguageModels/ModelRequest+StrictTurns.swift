extension ModelRequest {
    /// The turns as the strictest provider wants them.
    ///
    /// - Neighbouring user turns are one turn, and an assistant turn that said nothing is left out: many chat templates
    ///   insist on alternating roles.
    /// - Every tool call is answered once, in order, right after its turn. A call without a result, say because the
    ///   turn was cut off, gets one that says so: the APIs refuse an unanswered call.
    ///
    /// - Throws: ``ModelError/Kind/invalidRequest`` where the conversation makes no sense: results without their calls,
    ///   two assistant turns in a row, or no last turn to answer.
    func strictTurns() throws -> [Message] {
        var turns: [Message] = []
        turns.reserveCapacity(messages.count)
        for message in messages {
            switch message {
            case .user(let text):
                answerOpenCalls(of: &turns)
                if case .user(let earlier)? = turns.last {
                    turns[turns.count - 1] = .user(earlier + "\n\n" + text)
                } else {
                    turns.append(message)
                }
            case .assistant(let turn):
                answerOpenCalls(of: &turns)
                if turn.text.isEmpty && turn.toolCalls.isEmpty { continue }
                if case .assistant? = turns.last {
                    throw ModelError(.invalidRequest, "the conversation has two assistant turns in a row")
                }
                turns.append(message)
            case .toolResults(let results):
                guard case .assistant(let turn)? = turns.last, results.allSatisfy(turn.calls) else {
                    throw ModelError(.invalidRequest, "the conversation has a tool result that answers no call")
                }
                turns.append(
                    .toolResults(
                        turn.toolCalls.map { call in
                            results.first { $0.callID == call.id } ?? .missing(for: call)
                        }))
            }
        }
        answerOpenCalls(of: &turns)
        if case .assistant? = turns.last ?? .assistant(AssistantTurn(text: "")) {
            throw ModelError(.invalidRequest, "the conversation has no last turn for the model to answer")
        }
        return turns
    }

    /// Says that a setting would do nothing.
    ///
    /// - Throws: ``ModelError/Kind/invalidRequest`` where the request has a repetition penalty.
    func refuseRepetitionPenalty(_ model: String) throws {
        guard repetitionPenalty == nil else {
            throw ModelError(
                .invalidRequest, "\(model) has no repetition penalty: leave MODEL_REPETITION_PENALTY unset for it")
        }
    }

    private func answerOpenCalls(of turns: inout [Message]) {
        guard case .assistant(let turn)? = turns.last, !turn.toolCalls.isEmpty else { return }
        turns.append(.toolResults(turn.toolCalls.map(ToolResult.missing)))
    }
}

extension AssistantTurn {
    fileprivate func calls(_ result: ToolResult) -> Bool { toolCalls.contains { $0.id == result.callID } }
}

extension ToolResult {
    fileprivate static func missing(for call: ToolCall) -> ToolResult {
        ToolResult(callID: call.id, name: call.name, content: "This call was not run.", isError: true)
    }
}

extension ToolCall.Arguments {
    /// Reads what a model wrote. No text at all stands for no arguments.
    init(text: String) {
        if text.allSatisfy(\.isWhitespace) {
            self = .object([:])
        } else if case .object(let members)? = try? JSONValue(json: text) {
            self = .object(members)
        } else {
            self = .malformed(text)
        }
    }

    /// The arguments as an object, which is all that some servers take back: they parse what the model wrote, and fail
    /// on the whole conversation where it is malformed.
    var object: [String: JSONValue] {
        switch self {
        case .object(let members): members
        case .malformed(let text): ["malformed_arguments": .string(text)]
        }
    }

    /// ``object`` as text.
    var json: String { JSONValue.object(object).json }
}

/// Gives calls ids that are unique within a conversation, where the provider gave none or one it gave before.
struct ToolCallIDs {
    private var taken: Set<String> = []
    private let turn: Int

    init(_ request: ModelRequest) {
        var turns = 0
        for case .assistant(let turn) in request.messages {
            turns += 1
            taken.formUnion(turn.toolCalls.map(\.id))
        }
        turn = turns + 1
    }

    mutating func unique(_ proposed: String?) -> String {
        var id = proposed ?? ""
        var number = 1
        while id.isEmpty || taken.contains(id) {
            id = "call_\(turn)_\(number)"
            number += 1
        }
        taken.insert(id)
        return id
    }
}
