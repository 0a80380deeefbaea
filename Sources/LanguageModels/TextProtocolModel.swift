/// Tool calling for models that have none: the model writes each call as a fenced block of its text.
///
/// The system prompt asks for exactly one block a reply: ```` ```bash ```` with a command, which becomes a call of the
/// tool `bash`; the line `submit SUMMARY` in it becomes a call of `submit`; ```` ```json ```` with
/// `{"tool": NAME, "arguments": {…}}` calls any tool. Earlier calls and their results are shown as text.
///
/// A reply with no block or several has no tool calls: what to tell the model then is up to the caller, as after any
/// reply without calls. A request without tools is passed on as it is.
public struct TextProtocolModel: LanguageModel {
    public var name: String { base.name }
    public var capabilities: ModelCapabilities {
        ModelCapabilities(toolCalling: true, contextTokens: base.capabilities.contextTokens)
    }

    private let base: any LanguageModel

    /// - Parameter base: The model, of which only text is asked.
    public init(_ base: any LanguageModel) { self.base = base }

    public func reply(
        to request: ModelRequest,
        onDelta: @escaping @Sendable (ModelDelta) -> Void
    ) async throws -> ModelReply {
        guard !request.tools.isEmpty else { return try await base.reply(to: request, onDelta: onDelta) }
        let text = TextProtocol(tools: request.tools)
        var plain = request
        plain.tools = []
        plain.system = [request.system, text.instructions].filter { !$0.isEmpty }.joined(separator: "\n\n")
        plain.messages = request.messages.map(text.render)

        var reply = try await base.reply(to: plain, onDelta: onDelta)
        var ids = ToolCallIDs(request)
        reply.turn.toolCalls =
            text.call(in: reply.turn.text).map { call in
                [ToolCall(id: ids.unique(nil), name: call.name, arguments: .object(call.arguments))]
            } ?? []
        for call in reply.turn.toolCalls { onDelta(.toolCall(name: call.name)) }
        return reply
    }
}
