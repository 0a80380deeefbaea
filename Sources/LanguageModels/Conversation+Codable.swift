// The JSON of a conversation is meant to be written and read by people too: snake_case members, no nesting that
// carries nothing, and defaults for all that may be left out.
//
//     {"text": "I look first.", "tool_calls": [{"id": "1", "name": "bash", "arguments": {"command": "ls"}}]}

extension Message {
    private enum Role: String, Codable { case user, assistant, tool }
    private enum CodingKeys: String, CodingKey { case role, text, results }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self =
            switch try container.decode(Role.self, forKey: .role) {
            case .user: .user(try container.decode(String.self, forKey: .text))
            case .assistant: .assistant(try AssistantTurn(from: decoder))
            case .tool: .toolResults(try container.decode([ToolResult].self, forKey: .results))
            }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .user(let text):
            try container.encode(Role.user, forKey: .role)
            try container.encode(text, forKey: .text)
        case .assistant(let turn):
            try container.encode(Role.assistant, forKey: .role)
            try turn.encode(to: encoder)
        case .toolResults(let results):
            try container.encode(Role.tool, forKey: .role)
            try container.encode(results, forKey: .results)
        }
    }
}

extension AssistantTurn {
    private enum CodingKeys: String, CodingKey {
        case text
        case toolCalls = "tool_calls"
        case providerState = "provider_state"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            text: try container.decodeIfPresent(String.self, forKey: .text) ?? "",
            toolCalls: try container.decodeIfPresent([ToolCall].self, forKey: .toolCalls) ?? [],
            providerState: try container.decodeIfPresent(JSONValue.self, forKey: .providerState)
        )
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(text, forKey: .text)
        if !toolCalls.isEmpty { try container.encode(toolCalls, forKey: .toolCalls) }
        try container.encodeIfPresent(providerState, forKey: .providerState)
    }
}

/// An object as itself; malformed arguments as the string the model wrote.
extension ToolCall.Arguments {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self = .malformed(text)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .object(let members): try container.encode(members)
        case .malformed(let text): try container.encode(text)
        }
    }
}

extension ToolResult {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            callID: try container.decode(String.self, forKey: .callID),
            name: try container.decode(String.self, forKey: .name),
            content: try container.decodeIfPresent(String.self, forKey: .content) ?? "",
            isError: try container.decodeIfPresent(Bool.self, forKey: .isError) ?? false
        )
    }
}

extension ModelReply {
    private enum CodingKeys: String, CodingKey {
        case finish, usage, model
        case standIn = "stand_in"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            turn: try AssistantTurn(from: decoder),
            finish: try container.decodeIfPresent(FinishReason.self, forKey: .finish) ?? .stop,
            usage: try container.decodeIfPresent(TokenUsage.self, forKey: .usage) ?? TokenUsage(),
            model: try container.decodeIfPresent(String.self, forKey: .model) ?? ""
        )
        standIn = try container.decodeIfPresent(String.self, forKey: .standIn)
    }

    public func encode(to encoder: any Encoder) throws {
        try turn.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(finish, forKey: .finish)
        try container.encode(usage, forKey: .usage)
        try container.encode(model, forKey: .model)
        try container.encodeIfPresent(standIn, forKey: .standIn)
    }
}

extension TokenUsage {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            inputTokens: try container.decodeIfPresent(Int.self, forKey: .inputTokens) ?? 0,
            cachedInputTokens: try container.decodeIfPresent(Int.self, forKey: .cachedInputTokens) ?? 0,
            outputTokens: try container.decodeIfPresent(Int.self, forKey: .outputTokens) ?? 0
        )
    }
}
