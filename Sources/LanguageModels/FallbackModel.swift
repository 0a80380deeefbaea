/// A model with others that stand in for it, in their order, when it fails for good or its retries are used up.
///
/// A provider that failed rests for a while, so that not each call waits for it anew. One that only refused this request,
/// such as a conversation that is too long for it, does not.
public struct FallbackModel: LanguageModel {
    public var name: String { models[0].name }
    public var possibleNames: [String] { models.flatMap(\.possibleNames) }

    private let models: [any LanguageModel]
    private let rests: Rests
    private let onFallback: @Sendable (String) -> Void

    /// - Parameters:
    ///   - model: The one that is asked first, inside its retries.
    ///   - standIns: Those that are asked next, inside theirs.
    ///   - rest: How long a provider that failed is not asked, as long as another answers.
    ///   - onFallback: Called with one line each time another is asked: what failed, and who stands in.
    public init(
        _ model: any LanguageModel, standIns: [any LanguageModel], rest: Duration = .seconds(300),
        onFallback: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        models = [model] + standIns
        rests = Rests(count: models.count, length: rest)
        self.onFallback = onFallback
    }

    /// What all of them offer, as each may have to answer.
    public var capabilities: ModelCapabilities {
        ModelCapabilities(
            toolCalling: models.allSatisfy(\.capabilities.toolCalling),
            contextTokens: models.compactMap(\.capabilities.contextTokens).min())
    }

    public func reply(
        to request: ModelRequest,
        onDelta: @escaping @Sendable (ModelDelta) -> Void
    ) async throws -> ModelReply {
        var failures: [ModelError] = []
        let order = await rests.order()
        for (place, index) in order.enumerated() {
            let model = models[index]
            do {
                var reply = try await model.reply(to: request, onDelta: onDelta)
                if index > 0 { reply.standIn = model.name }
                return reply
            } catch let error as ModelError {
                failures.append(error)
                if !error.concernsRequest { await rests.begin(index) }
                guard place + 1 < order.count else { break }
                onFallback("\(error.message); \(models[order[place + 1]].name) stands in for \(model.name)")
            }
        }
        var failure = failures[0]
        failure.message = failures.map(\.message).joined(separator: "; and ")
        throw failure
    }

    /// Until when which model is not asked.
    private actor Rests {
        private let length: Duration
        private var ends: [ContinuousClock.Instant?]

        init(count: Int, length: Duration) {
            self.length = length
            ends = Array(repeating: nil, count: count)
        }

        func begin(_ index: Int) { ends[index] = .now + length }

        /// Those that do not rest, and after them those that do: a call is never given up without asking all.
        func order() -> [Int] {
            let now = ContinuousClock.now
            let resting = ends.map { $0.map { $0 > now } ?? false }
            return ends.indices.filter { !resting[$0] } + ends.indices.filter { resting[$0] }
        }
    }
}

extension ModelError {
    /// Whether the failure says something about the request and nothing about the provider.
    fileprivate var concernsRequest: Bool {
        switch kind {
        case .invalidRequest, .contextLength: true
        case .authentication, .quota, .rateLimited, .unavailable, .timeout, .malformedReply, .replayExhausted: false
        }
    }
}
