/// A Gemini turn as it comes together from its pieces.
struct GeminiAnswer {
    /// The member of ``AssistantTurn/providerState`` that holds the parts.
    static let stateKey = "gemini"

    private var parts: [JSONValue] = []
    private var finish: String?
    private var blockReason: String?
    private var sawCandidate = false
    private var usage = TokenUsage()
    private var model: String?

    mutating func add(_ response: GeminiResponse, onDelta: (ModelDelta) -> Void) throws {
        if let error = response.error, error != .null {
            throw ModelError(api: APIErrorBody(["error": error]), status: nil)
        }
        model = response.modelVersion ?? model
        blockReason = response.promptFeedback?.blockReason ?? blockReason
        if let usage = response.usageMetadata {
            self.usage = TokenUsage(
                inputTokens: (usage.promptTokenCount ?? 0) + (usage.toolUsePromptTokenCount ?? 0),
                cachedInputTokens: usage.cachedContentTokenCount ?? 0,
                outputTokens: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0))
        }
        guard let candidate = response.candidates?.first else { return }
        sawCandidate = true
        finish = candidate.finishReason ?? finish
        for part in candidate.content?.parts ?? [] {
            if let text = part.spokenText, !text.isEmpty { onDelta(.text(text)) }
            if let name = part["functionCall"]?["name"]?.string { onDelta(.toolCall(name: name)) }
            append(part)
        }
    }

    /// Keeps a part. Pieces of one text become one part, but never across a signature, which belongs to its own part.
    private mutating func append(_ part: JSONValue) {
        if let text = part.plainText, let earlier = parts.last?.plainText {
            parts[parts.count - 1] = ["text": .string(earlier + text)]
        } else {
            parts.append(part)
        }
    }

    /// The whole turn.
    ///
    /// - Throws: ``ModelError/Kind/malformedReply`` for a stream that was cut, no candidate, or a candidate with nothing
    ///   in it, as after a function call that the model garbled.
    func reply(to request: ModelRequest, model id: String) throws -> ModelReply {
        let model = model ?? id
        if !sawCandidate && blockReason != nil {
            return ModelReply(turn: AssistantTurn(text: ""), finish: .contentFilter, usage: usage, model: model)
        }
        guard sawCandidate else { throw ModelError(.malformedReply, "answered without any candidate") }
        guard let finish else {
            throw ModelError(.malformedReply, "ended its stream before the answer was complete")
        }
        let reason: FinishReason
        switch finish {
        case "MAX_TOKENS": reason = .length
        case "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE": reason = .contentFilter
        case "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE":
            throw ModelError(.malformedReply, "garbled a function call (\(finish))")
        default: reason = .stop
        }
        var ids = ToolCallIDs(request)
        let calls = parts.compactMap { $0["functionCall"] }.map { call in
            ToolCall(
                id: ids.unique(call["id"]?.string), name: call["name"]?.string ?? "",
                arguments: .init(gemini: call["args"]))
        }
        let turn = AssistantTurn(
            text: parts.compactMap(\.spokenText).joined(), toolCalls: calls,
            providerState: parts.isEmpty ? nil : [Self.stateKey: .array(parts)])
        return try ModelReply(turn: turn, finish: reason, usage: usage, model: model).checked()
    }
}

extension ToolCall.Arguments {
    fileprivate init(gemini args: JSONValue?) {
        switch args {
        case nil, .null?: self = .object([:])
        case .object(let members)?: self = .object(members)
        case let other?: self = .malformed(other.string ?? other.json)
        }
    }
}

extension JSONValue {
    /// The text of a part that is not a summary of thoughts.
    fileprivate var spokenText: String? { self["thought"]?.bool == true ? nil : self["text"]?.string }

    /// The text of a part that holds nothing else, no signature above all.
    fileprivate var plainText: String? { object?.count == 1 ? self["text"]?.string : nil }
}
