/// The body of a generateContent request.
struct GeminiRequest: Encodable {
    struct Content: Encodable {
        var role: String?
        var parts: [JSONValue]
    }

    struct Tool: Encodable {
        var functionDeclarations: [Function]
    }

    struct Function: Encodable {
        var name: String
        var description: String
        /// Absent for a function without parameters: Gemini refuses an object schema without properties.
        var parameters: JSONValue?
    }

    struct GenerationConfig: Encodable {
        var maxOutputTokens: Int
        var temperature: Double?
    }

    var systemInstruction: Content?
    var contents: [Content] = []
    var tools: [Tool]?
    var generationConfig: GenerationConfig

    init(_ request: ModelRequest, model: String) throws {
        if !request.system.isEmpty {
            systemInstruction = Content(parts: [["text": .string(request.system)]])
        }
        if !request.tools.isEmpty {
            let functions = request.tools.map {
                Function(name: $0.name, description: $0.description, parameters: GeminiSchema.prune($0.parameters))
            }
            tools = [Tool(functionDeclarations: functions)]
        }
        generationConfig = GenerationConfig(
            maxOutputTokens: request.maxOutputTokens, temperature: request.temperature)

        var calls: [JSONValue] = []
        for turn in try request.strictTurns() {
            switch turn {
            case .user(let text):
                append(["text": .string(text)])
            case .assistant(let turn):
                let parts = turn.providerState?[GeminiAnswer.stateKey]?.array ?? Self.parts(of: turn, model: model)
                contents.append(Content(role: "model", parts: parts))
                calls = parts.compactMap { $0["functionCall"] }
            case .toolResults(let results):
                for (call, result) in zip(calls, results) { append(Self.response(to: call, result)) }
            }
        }
    }

    /// Adds a part to the user's turn: results and what is said after them are one turn.
    private mutating func append(_ part: JSONValue) {
        if contents.last?.role == "user" {
            contents[contents.count - 1].parts.append(part)
        } else {
            contents.append(Content(role: "user", parts: [part]))
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
}
