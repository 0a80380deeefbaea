/// A model that answers a conversation with one assistant turn.
///
/// To add a provider, write one file with one conforming type and name its prefix in ``ModelCatalog``.
/// A provider translates; it does not retry, count or limit: ``RetryingModel`` retries, and the caller's budget limits.
public protocol LanguageModel: Sendable {
    /// The name the model is known by in results and prices, such as `openai/gpt-5.2`.
    var name: String { get }

    /// The names of all models that may answer: ``name`` alone, unless others stand in for it.
    var possibleNames: [String] { get }

    /// What the model offers, for the caller to choose its prompt by.
    var capabilities: ModelCapabilities { get }

    /// Asks for the next assistant turn.
    ///
    /// - Parameters:
    ///   - request: The conversation so far. It is complete: models keep no state between calls.
    ///   - onDelta: Called with each piece of the reply as it arrives. A model that cannot stream calls it once.
    /// - Returns: The whole turn, with the usage the provider reported.
    /// - Throws: ``ModelError``, or `CancellationError`.
    func reply(
        to request: ModelRequest,
        onDelta: @escaping @Sendable (ModelDelta) -> Void
    ) async throws -> ModelReply
}

extension LanguageModel {
    public var possibleNames: [String] { [name] }

    /// Asks for the next assistant turn without watching it arrive.
    public func reply(to request: ModelRequest) async throws -> ModelReply {
        try await reply(to: request, onDelta: { _ in })
    }
}

/// What a model offers beyond text in, text out.
public struct ModelCapabilities: Sendable, Hashable {
    /// Whether the model takes tool definitions and answers with tool calls.
    /// Where it does not, callers wrap it in ``TextProtocolModel``.
    public var toolCalling: Bool

    /// The number of tokens that prompt and reply may have together, where it is known.
    public var contextTokens: Int?

    public init(toolCalling: Bool = true, contextTokens: Int? = nil) {
        self.toolCalling = toolCalling
        self.contextTokens = contextTokens
    }
}

/// A piece of a reply on its way.
public enum ModelDelta: Sendable, Hashable {
    /// More of the reply's text.
    case text(String)
    /// The model has begun to call the named tool.
    case toolCall(name: String)
}
