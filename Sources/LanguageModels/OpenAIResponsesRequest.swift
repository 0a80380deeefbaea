/// The body of a Responses request.
struct OpenAIResponsesRequest: Encodable {
    struct Tool: Encodable {
        var type = "function"
        var name: String
        var description: String
        var parameters: JSONValue
        /// Responses takes functions for strict unless told otherwise, and then wants every property required.
        var strict = false
    }

    var model: String
    var instructions: String?
    var input: [JSONValue]
    var tools: [Tool]?
    var maxOutputTokens: Int
    var temperature: Double?
    var stream: Bool?
    var store = false
    var include: [String]?

    enum CodingKeys: String, CodingKey {
        case model, instructions, input, tools, temperature, stream, store, include
        case maxOutputTokens = "max_output_tokens"
    }

    init(_ request: ModelRequest, model: String, streaming: Bool) throws {
        self.model = model
        instructions = request.system.isEmpty ? nil : request.system
        input = try request.strictTurns().flatMap(Self.items)
        tools =
            request.tools.isEmpty
            ? nil
            : request.tools.map { Tool(name: $0.name, description: $0.description, parameters: $0.parameters) }
        maxOutputTokens = request.maxOutputTokens
        temperature = request.temperature
        stream = streaming ? true : nil
        // Models that do not reason answer 400 to a request for their encrypted reasoning.
        let reasons = !["gpt-3", "gpt-4", "chatgpt"].contains(where: model.hasPrefix)
        include = reasons ? ["reasoning.encrypted_content"] : nil
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
                        "arguments": .string(JSONValue.object(call.arguments.object).json),
                    ]
                }
        case .toolResults(let results):
            return results.map { result in
                ["type": "function_call_output", "call_id": .string(result.callID), "output": .string(result.content)]
            }
        }
    }
}
