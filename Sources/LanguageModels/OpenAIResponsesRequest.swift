/// The body of a Responses request.
enum OpenAIResponsesRequest {
    static func body(for request: ModelRequest, model: String, streaming: Bool) throws -> JSONValue {
        var body: [String: JSONValue] = [
            "model": .string(model),
            "input": .array(try request.strictTurns().flatMap(items)),
            "max_output_tokens": .integer(Int64(request.maxOutputTokens)),
            "store": false,
        ]
        if !request.system.isEmpty { body["instructions"] = .string(request.system) }
        if !request.tools.isEmpty { body["tools"] = .array(request.tools.map(tool)) }
        if let temperature = request.temperature { body["temperature"] = .number(temperature) }
        if let topP = request.topP { body["top_p"] = .number(topP) }
        try request.refuseRepetitionPenalty(model)
        if streaming { body["stream"] = true }
        // Models that do not reason answer 400 to a request for their encrypted reasoning.
        if !["gpt-3", "gpt-4", "chatgpt"].contains(where: model.hasPrefix) {
            body["include"] = ["reasoning.encrypted_content"]
        }
        return .object(body)
    }

    private static func items(of turn: Message) -> [JSONValue] {
        switch turn {
        case .user(let text):
            return [["role": "user", "content": .string(text)]]
        case .assistant(let turn):
            if let items = turn.providerState?[OpenAIResponse.stateKey]?.array { return items }
            let text: [JSONValue] = turn.text.isEmpty ? [] : [["role": "assistant", "content": .string(turn.text)]]
            return text
                + turn.toolCalls.map { call in
                    [
                        "type": "function_call", "call_id": .string(call.id), "name": .string(call.name),
                        "arguments": .string(call.arguments.json),
                    ]
                }
        case .toolResults(let results):
            return results.map { result in
                ["type": "function_call_output", "call_id": .string(result.callID), "output": .string(result.content)]
            }
        }
    }

    private static func tool(_ tool: ToolDefinition) -> JSONValue {
        [
            "type": "function", "name": .string(tool.name), "description": .string(tool.description),
            "parameters": tool.parameters,
            // Responses takes functions for strict unless told otherwise, and then wants every property required.
            "strict": false,
        ]
    }
}
