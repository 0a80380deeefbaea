/// One question to a model: everything it is to know, as providers hold no state for us.
public struct ModelRequest: Codable, Sendable, Hashable {
    /// Which conversation of a task this is, such as `planner` or `programmer`. Providers do not send it;
    /// ``ReplayModel`` finds the recorded reply by it.
    public var conversation: String
    /// The system prompt.
    public var system: String
    /// The turns so far, oldest first; the last is never an assistant's.
    public var messages: [Message]
    /// The tools the model may call.
    public var tools: [ToolDefinition]
    /// The most tokens the reply may have.
    public var maxOutputTokens: Int
    /// Sampling temperature; `nil` leaves it to the provider (reasoning models refuse the parameter).
    public var temperature: Double?
    /// Nucleus sampling: the least likely tokens that together have less than 1 - `topP` are left out; `nil` leaves it to
    /// the provider.
    public var topP: Double?
    /// What the likelihood of tokens that are there already is divided by, for servers that know it; `nil` leaves it to
    /// them.
    public var repetitionPenalty: Double?

    enum CodingKeys: String, CodingKey {
        case conversation, system, messages, tools, temperature
        case maxOutputTokens = "max_output_tokens"
        case topP = "top_p"
        case repetitionPenalty = "repetition_penalty"
    }

    public init(
        conversation: String,
        system: String,
        messages: [Message],
        tools: [ToolDefinition] = [],
        maxOutputTokens: Int = 8192,
        temperature: Double? = nil,
        topP: Double? = nil,
        repetitionPenalty: Double? = nil
    ) {
        self.conversation = conversation
        self.system = system
        self.messages = messages
        self.tools = tools
        self.maxOutputTokens = maxOutputTokens
        self.temperature = temperature
        self.topP = topP
        self.repetitionPenalty = repetitionPenalty
    }
}

/// A turn of a conversation.
public enum Message: Codable, Sendable, Hashable {
    /// What the user, or the agent in the user's place, says.
    case user(String)
    /// What the model said.
    case assistant(AssistantTurn)
    /// The outcomes of *all* tool calls of the assistant turn before it, in the order of the calls.
    case toolResults([ToolResult])
}

/// What a model said in one turn.
public struct AssistantTurn: Codable, Sendable, Hashable {
    /// The text, without reasoning; empty where the model only called tools.
    public var text: String
    /// The tools the model wants called, in order.
    public var toolCalls: [ToolCall]
    /// What the provider needs to see again next time, in its own form: OpenAI's reasoning items,
    /// Gemini's parts with their thought signatures. Only the provider that wrote it reads it.
    public var providerState: JSONValue?

    public init(text: String, toolCalls: [ToolCall] = [], providerState: JSONValue? = nil) {
        self.text = text
        self.toolCalls = toolCalls
        self.providerState = providerState
    }
}

/// A tool call as the model wrote it.
public struct ToolCall: Codable, Sendable, Hashable {
    /// The provider's id of the call, unique within a conversation. Where the provider gives none, one is made up.
    public var id: String
    /// The tool's name, which may be one that was never offered.
    public var name: String
    /// The arguments. Models write malformed JSON now and then: then ``Arguments/malformed(_:)`` holds their text.
    public var arguments: Arguments

    public enum Arguments: Codable, Sendable, Hashable {
        case object([String: JSONValue])
        case malformed(String)
    }

    public init(id: String, name: String, arguments: Arguments) {
        self.id = id
        self.name = name
        self.arguments = arguments
    }
}

/// The answer to a ``ToolCall``.
public struct ToolResult: Codable, Sendable, Hashable {
    public var callID: String
    public var name: String
    public var content: String
    public var isError: Bool

    enum CodingKeys: String, CodingKey {
        case name, content
        case callID = "call_id"
        case isError = "is_error"
    }

    public init(callID: String, name: String, content: String, isError: Bool = false) {
        self.callID = callID
        self.name = name
        self.content = content
        self.isError = isError
    }
}

/// A tool as it is offered to the model.
public struct ToolDefinition: Codable, Sendable, Hashable {
    public var name: String
    public var description: String
    /// JSON Schema of the arguments: an object schema with `properties` and `required`, and only keywords that
    /// every provider takes (no `additionalProperties`, `$ref`, `oneOf`).
    public var parameters: JSONValue

    public init(name: String, description: String, parameters: JSONValue) {
        self.name = name
        self.description = description
        self.parameters = parameters
    }
}

/// A model's answer.
public struct ModelReply: Codable, Sendable, Hashable {
    public var turn: AssistantTurn
    public var finish: FinishReason
    public var usage: TokenUsage
    /// The underlying model id as the provider reported it, such as `gpt-5.2-2026-01-12`.
    public var model: String
    /// The name of the model that answered in place of the one asked; `nil` where that one did.
    public var standIn: String?

    public init(turn: AssistantTurn, finish: FinishReason, usage: TokenUsage, model: String) {
        self.turn = turn
        self.finish = finish
        self.usage = usage
        self.model = model
    }
}

/// Why a model stopped.
public enum FinishReason: String, Codable, Sendable, Hashable {
    /// It was done, or it waits for tool results.
    case stop
    /// The output limit cut it off: tool calls of this turn may be incomplete.
    case length
    /// The provider withheld the rest.
    case contentFilter = "content_filter"
}

/// Tokens as the provider counted them.
public struct TokenUsage: Codable, Sendable, Hashable {
    /// All tokens of the prompt, cached ones included.
    public var inputTokens: Int
    /// The part of ``inputTokens`` that the provider read from its cache.
    public var cachedInputTokens: Int
    /// All tokens of the reply, reasoning included.
    public var outputTokens: Int

    enum CodingKeys: String, CodingKey {
        case inputTokens = "input_tokens"
        case cachedInputTokens = "cached_input_tokens"
        case outputTokens = "output_tokens"
    }

    public init(inputTokens: Int = 0, cachedInputTokens: Int = 0, outputTokens: Int = 0) {
        self.inputTokens = inputTokens
        self.cachedInputTokens = cachedInputTokens
        self.outputTokens = outputTokens
    }

    public static func += (total: inout TokenUsage, more: TokenUsage) {
        total.inputTokens += more.inputTokens
        total.cachedInputTokens += more.cachedInputTokens
        total.outputTokens += more.outputTokens
    }
}
