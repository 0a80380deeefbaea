/// The body of a Chat Completions request.
enum OpenAIChatRequest {
    static func body(
        for request: ModelRequest, model: String, streaming: Bool, limitsCompletion: Bool
    ) throws -> JSONValue {
        var messages: [JSONValue] =
            request.system.isEmpty ? [] : [["role": "system", "content": .string(request.system)]]
        for turn in try request.strictTurns() {
            switch turn {
            case .user(let text):
                messages.append(["role": "user", "content": .string(text)])
            case .assistant(let turn):
                messages.append(message(turn))
            case .toolResults(let results):
                messages += results.map { result in
                    ["role": "tool", "tool_call_id": .string(result.callID), "content": .string(result.content)]
                }
            }
        }
        var body: [String: JSONValue] = ["model": .string(model), "messages": .array(messages)]
        body[limitsCompletion ? "max_completion_tokens" : "max_tokens"] = .integer(Int64(request.maxOutputTokens))
        if !request.tools.isEmpty { body["tools"] = .array(request.tools.map(tool)) }
        if let temperature = request.temperature { body["temperature"] = .number(temperature) }
        if let topP = request.topP { body["top_p"] = .number(topP) }
        if limitsCompletion { try request.refuseRepetitionPenalty(model) }
        // What vLLM and SGLang call it.
        if let penalty = request.repetitionPenalty { body["repetition_penalty"] = .number(penalty) }
        if streaming {
            body["stream"] = true
            body["stream_options"] = ["include_usage": true]
        }
        return .object(body)
    }

    private static func message(_ turn: AssistantTurn) -> JSONValue {
        var message: [String: JSONValue] = ["role": "assistant"]
        if !turn.text.isEmpty { message["content"] = .string(turn.text) }
        if !turn.toolCalls.isEmpty {
            message["tool_calls"] = .array(
                turn.toolCalls.map { call in
                    [
                        "id": .string(call.id), "type": "function",
                        "function": ["name": .string(call.name), "arguments": .string(call.arguments.json)],
                    ]
                })
        }
        return .object(message)
    }

    private static func tool(_ tool: ToolDefinition) -> JSONValue {
        [
            "type": "function",
            "function": [
                "name": .string(tool.name), "description": .string(tool.description), "parameters": tool.parameters,
            ],
        ]
    }
}
