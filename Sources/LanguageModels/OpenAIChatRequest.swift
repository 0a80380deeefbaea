/// The body of a Chat Completions request.
struct OpenAIChatRequest: Encodable {
    struct Message: Encodable {
        var role: String
        var content: String?
        var toolCalls: [ToolCall]?
        var toolCallID: String?

        enum CodingKeys: String, CodingKey {
            case role, content
            case toolCalls = "tool_calls"
            case toolCallID = "tool_call_id"
        }
    }

    struct ToolCall: Encodable {
        struct Function: Encodable {
            var name: String
            /// JSON in a string.
            var arguments: String
        }

        var id: String
        var type = "function"
        var function: Function
    }

    struct Tool: Encodable {
        var type = "function"
        var function: ToolDefinition
    }

    struct StreamOptions: Encodable {
        var includeUsage = true
        enum CodingKeys: String, CodingKey { case includeUsage = "include_usage" }
    }

    var model: String
    var messages: [Message]
    var tools: [Tool]?
    var maxTokens: Int?
    var maxCompletionTokens: Int?
    var temperature: Double?
    var stream: Bool?
    var streamOptions: StreamOptions?

    enum CodingKeys: String, CodingKey {
        case model, messages, tools, temperature, stream
        case maxTokens = "max_tokens"
        case maxCompletionTokens = "max_completion_tokens"
        case streamOptions = "stream_options"
    }

    init(_ request: ModelRequest, model: String, streaming: Bool, limitsCompletion: Bool) throws {
        self.model = model
        messages = request.system.isEmpty ? [] : [Message(role: "system", content: request.system)]
        for turn in try request.strictTurns() {
            switch turn {
            case .user(let text):
                messages.append(Message(role: "user", content: text))
            case .assistant(let turn):
                messages.append(
                    Message(
                        role: "assistant",
                        content: turn.text.isEmpty ? nil : turn.text,
                        toolCalls: turn.toolCalls.isEmpty ? nil : turn.toolCalls.map(ToolCall.init)))
            case .toolResults(let results):
                messages += results.map { Message(role: "tool", content: $0.content, toolCallID: $0.callID) }
            }
        }
        tools = request.tools.isEmpty ? nil : request.tools.map { Tool(function: $0) }
        maxTokens = limitsCompletion ? nil : request.maxOutputTokens
        maxCompletionTokens = limitsCompletion ? request.maxOutputTokens : nil
        temperature = request.temperature
        stream = streaming ? true : nil
        streamOptions = streaming ? StreamOptions() : nil
    }
}

extension OpenAIChatRequest.ToolCall {
    init(_ call: ToolCall) {
        self.init(
            id: call.id,
            function: Function(name: call.name, arguments: JSONValue.object(call.arguments.object).json))
    }
}
