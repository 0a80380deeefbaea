/// A chat completion as it comes together from its pieces.
struct OpenAIChatAnswer {
    private struct Call {
        var index: Int?
        var id: String?
        var name = ""
        var arguments = ""
    }

    /// The provider said that nothing follows.
    var isComplete = false

    private var text = ""
    private var calls: [Call] = []
    private var finish: String?
    private var sawChoice = false
    private var usage = TokenUsage()
    private var model: String?

    mutating func add(_ chunk: OpenAIChatChunk, onDelta: (ModelDelta) -> Void) throws {
        if let error = chunk.error, error != .null {
            throw ModelError(api: APIErrorBody(["error": error]), status: nil)
        }
        model = model ?? chunk.model
        if let usage = chunk.usage {
            self.usage = TokenUsage(
                inputTokens: usage.promptTokens ?? 0,
                cachedInputTokens: usage.promptDetails?.cachedTokens ?? 0,
                outputTokens: usage.completionTokens ?? 0)
        }
        guard let choice = chunk.choices?.first else { return }
        sawChoice = true
        finish = choice.finishReason ?? finish
        if let piece = choice.message?.content ?? choice.message?.refusal, !piece.isEmpty {
            text += piece
            onDelta(.text(piece))
        }
        for piece in choice.message?.toolCalls ?? [] { add(piece, onDelta: onDelta) }
    }

    private mutating func add(_ piece: OpenAIChatChunk.ToolCall, onDelta: (ModelDelta) -> Void) {
        // A piece belongs to the call of its index. Some servers give every call the index 0, or none, but a new id.
        let place = calls.lastIndex { call in
            (piece.index == nil || call.index == piece.index)
                && (piece.id == nil || piece.id == "" || call.id == nil || call.id == piece.id)
        }
        let isContinuation = place != nil && (piece.index != nil || piece.function?.name == nil)
        if !isContinuation { calls.append(Call(index: piece.index)) }
        let call = isContinuation ? place! : calls.count - 1

        calls[call].id = calls[call].id ?? piece.id
        if let name = piece.function?.name, calls[call].name.isEmpty, !name.isEmpty {
            calls[call].name = name
            onDelta(.toolCall(name: name))
        }
        switch piece.function?.arguments {
        case .string(let text)?: calls[call].arguments += text
        case .object(let members)?: calls[call].arguments = JSONValue.object(members).json
        default: break
        }
    }

    /// The whole turn.
    ///
    /// - Throws: ``ModelError/Kind/malformedReply`` for a stream that was cut, no choice, or a choice with nothing in it.
    func reply(to request: ModelRequest, model id: String) throws -> ModelReply {
        guard isComplete || finish != nil else {
            throw ModelError(.malformedReply, "ended its stream before the answer was complete")
        }
        guard sawChoice else { throw ModelError(.malformedReply, "answered without any choice") }
        var ids = ToolCallIDs(request)
        let calls = calls.map { call in
            ToolCall(id: ids.unique(call.id), name: call.name, arguments: .init(text: call.arguments))
        }
        let reason: FinishReason =
            switch finish {
            case "length": .length
            case "content_filter": .contentFilter
            default: .stop
            }
        return try ModelReply(
            turn: AssistantTurn(text: text, toolCalls: calls), finish: reason, usage: usage, model: model ?? id
        ).checked()
    }
}

extension ModelReply {
    /// The reply, unless the model claims to be done and said nothing: asking again usually helps.
    func checked() throws -> ModelReply {
        if finish == .stop && turn.text.isEmpty && turn.toolCalls.isEmpty {
            throw ModelError(.malformedReply, "answered with neither text nor a tool call")
        }
        return self
    }
}
