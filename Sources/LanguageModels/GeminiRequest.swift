/// The body of a generateContent request.
struct GeminiRequest {
    private var contents: [(role: String, parts: [JSONValue])] = []

    static func body(for request: ModelRequest, model: String) throws -> JSONValue {
        var turns = GeminiRequest()
        try turns.add(request.strictTurns(), model: model)
        var generation: [String: JSONValue] = ["maxOutputTokens": .integer(Int64(request.maxOutputTokens))]
        if let temperature = request.temperature { generation["temperature"] = .number(temperature) }
        if let topP = request.topP { generation["topP"] = .number(topP) }
        try request.refuseRepetitionPenalty(model)
        var body: [String: JSONValue] = [
            "contents": .array(turns.contents.map { ["role": .string($0), "parts": .array($1)] }),
            "generationConfig": .object(generation),
        ]
        if !request.system.isEmpty {
            body["systemInstruction"] = ["parts": [["text": .string(request.system)]]]
        }
        if !request.tools.isEmpty {
            body["tools"] = [["functionDeclarations": .array(request.tools.map(function))]]
        }
        return .object(body)
    }

    private mutating func add(_ turns: [Message], model: String) {
        var calls: [JSONValue] = []
        for turn in turns {
            switch turn {
            case .user(let text):
                addToUser(["text": .string(text)])
            case .assistant(let turn):
                let parts = turn.providerState?[GeminiAnswer.stateKey]?.array ?? Self.parts(of: turn, model: model)
                contents.append(("model", parts))
                calls = parts.compactMap { $0["functionCall"] }
            case .toolResults(let results):
                for (call, result) in zip(calls, results) { addToUser(Self.response(to: call, result)) }
            }
        }
    }

    /// Adds a part to the user's turn: results and what is said after them are one turn.
    private mutating func addToUser(_ part: JSONValue) {
        if contents.last?.role == "user" {
            contents[contents.count - 1].parts.append(part)
        } else {
            contents.append(("user", [part]))
        }
    }

    /// The result of a call, with the call's id if the API, and not we, gave it one.
    private static func response(to call: JSONValue, _ result: ToolResult) -> JSONValue {
        var response: [String: JSONValue] = [
            "name": call["name"] ?? .string(result.name),
            "response": [(result.isError ? "error" : "output"): .string(result.content)],
        ]
        response["id"] = call["id"]
        return ["functionResponse": .object(response)]
    }

    /// A turn that did not come from Gemini, which therefore signed nothing.
    private static func parts(of turn: AssistantTurn, model: String) -> [JSONValue] {
        var parts: [JSONValue] = turn.text.isEmpty ? [] : [["text": .string(turn.text)]]
        for (index, call) in turn.toolCalls.enumerated() {
            var part: [String: JSONValue] = [
                "functionCall": ["name": .string(call.name), "args": .object(call.arguments.object)]
            ]
            // From Gemini 3 on the first call of a turn needs a signature; this one is documented for foreign calls.
            if index == 0 && !["gemini-1", "gemini-2"].contains(where: model.hasPrefix) {
                part["thoughtSignature"] = "skip_thought_signature_validator"
            }
            parts.append(.object(part))
        }
        return parts
    }

    private static func function(_ tool: ToolDefinition) -> JSONValue {
        var function: [String: JSONValue] = [
            "name": .string(tool.name), "description": .string(tool.description),
        ]
        // Absent for a function without parameters: Gemini refuses an object schema without properties.
        function["parameters"] = GeminiSchema.prune(tool.parameters)
        return .object(function)
    }
}
