public import LocalInference

/// A model that runs inside this process: `local/` and the id of a model of the hub, or its folder.
///
/// Models for conversations get the request in their own chat template; base models get its text to continue. Neither
/// has tool calling of its own: callers wrap it in ``TextProtocolModel``.
public struct LocalLanguageModel: LanguageModel {
    public let name: String
    public let capabilities: ModelCapabilities

    let id: String
    let models: LocalModels
    private let sampling: SamplingOptions

    /// What the coding agent's guide asks with, but for its repetition penalty, which spoils code that has to repeat what
    /// it edits.
    public static let defaultSampling = SamplingOptions(temperature: 0.1, topP: 0.9)

    /// - Parameters:
    ///   - id: The id or folder, without `local/`.
    ///   - configuration: What the model's `config.json` says.
    ///   - models: Loads it when it is first asked.
    public init(
        id: String, configuration: ModelConfiguration, models: LocalModels,
        sampling: SamplingOptions = Self.defaultSampling
    ) {
        self.id = id
        self.models = models
        self.sampling = sampling
        name = "local/\(id)"
        capabilities = ModelCapabilities(toolCalling: false, contextTokens: configuration.contextLength)
    }

    public func reply(
        to request: ModelRequest,
        onDelta: @escaping @Sendable (ModelDelta) -> Void
    ) async throws -> ModelReply {
        try await naming {
            let model = try await models.model(id)
            let prompt = Self.prompt(system: request.system, messages: request.messages, model.tokenizer)
            var options = GenerationOptions(sampling: sampling, maxNewTokens: max(1, request.maxOutputTokens))
            if let temperature = request.temperature { options.sampling.temperature = Float(temperature) }
            if let topP = request.topP { options.sampling.topP = Float(topP) }
            if let penalty = request.repetitionPenalty { options.sampling.repetitionPenalty = Float(penalty) }
            var completion: Completion?
            for try await element in try await model.generate(tokens: prompt, options: options) {
                switch element {
                case .text(let text, _): onDelta(.text(text))
                case .end(let end): completion = end
                }
            }
            guard let completion else { throw ModelError(.malformedReply, "\(name) ended without a reply") }
            return ModelReply(
                turn: AssistantTurn(text: completion.text),
                finish: completion.ending == .length ? .length : .stop,
                usage: TokenUsage(
                    inputTokens: prompt.count, cachedInputTokens: completion.timings.reusedTokens,
                    outputTokens: completion.tokens.count),
                model: name)
        }
    }

    /// Runs `body`, and says of its errors which model they are about.
    ///
    /// - Throws: ``ModelError``, or `CancellationError`.
    func naming<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as GenerationError {
            if case .contextLength = error { throw ModelError(.contextLength, "\(name): \(error)") }
            throw ModelError(.invalidRequest, "\(name): \(error)")
        } catch let error where !(error is ModelError || error is CancellationError) {
            throw ModelError(.invalidRequest, "\(name) cannot be loaded: \(error)")
        }
    }

    /// The tokens that the model continues.
    static func prompt(system: String, messages conversation: [Message], _ tokenizer: Tokenizer) -> [Int] {
        let turns = conversation.map { message in
            switch message {
            case .user(let text): ChatMessage(.user, text)
            case .assistant(let turn): ChatMessage(.assistant, turn.text)
            case .toolResults(let results): ChatMessage(.user, results.map(\.content).joined(separator: "\n\n"))
            }
        }
        let messages = (system.isEmpty ? [] : [ChatMessage(.system, system)]) + turns
        return tokenizer.encode(messages) ?? tokenizer.encode(messages.map(\.content).joined(separator: "\n\n"))
    }
}
