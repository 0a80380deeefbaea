import LocalInference

extension LocalLanguageModel: CompletingModel {
    public var training: ModelTraining {
        get async throws {
            try await naming { try await models.model(id).tokenizer.chatTemplate == nil ? .base : .instruct }
        }
    }

    /// Each candidate is a request of its own, as each has its own sampling; the engine computes them in one batch.
    public func complete(
        _ request: CompletionRequest,
        onPiece: @escaping @Sendable (CompletionPiece) -> Bool
    ) async throws -> CompletionReply {
        try await naming {
            let model = try await models.model(id)
            let prompt =
                switch request.prompt {
                case .text(let text): model.tokenizer.encode(text)
                case .conversation(let system, let messages):
                    Self.prompt(system: system, messages: messages, model.tokenizer)
                }
            return try await withThrowingTaskGroup(of: (Int, CompletionReply.Candidate, tokens: Int).self) { group in
                for (index, sampling) in request.samples.enumerated() {
                    let options = GenerationOptions(
                        sampling: SamplingOptions(sampling), maxNewTokens: max(1, request.maxNewTokens),
                        stop: request.stop, promptLookup: request.lookup != nil)
                    group.addTask {
                        var text = ""
                        for try await element in try await model.generate(tokens: prompt, options: options) {
                            switch element {
                            case .text(let piece, _):
                                text += piece
                                guard onPiece(CompletionPiece(candidate: index, text: piece)) else {
                                    return (index, CompletionReply.Candidate(text: text, finish: .stop), 0)
                                }
                            case .end(let end):
                                let finish: FinishReason = end.ending == .length ? .length : .stop
                                return (
                                    index, CompletionReply.Candidate(text: end.text, finish: finish), end.tokens.count
                                )
                            }
                        }
                        throw ModelError(.malformedReply, "\(name) ended without a reply")
                    }
                }
                var candidates: [(Int, CompletionReply.Candidate)] = []
                var usage = TokenUsage(inputTokens: prompt.count)
                for try await (index, candidate, tokens) in group {
                    candidates.append((index, candidate))
                    usage.outputTokens += tokens
                }
                return CompletionReply(candidates: candidates.sorted { $0.0 < $1.0 }.map(\.1), usage: usage)
            }
        }
    }
}

extension SamplingOptions {
    fileprivate init(_ sampling: CompletionSampling) {
        self.init(
            temperature: Float(sampling.temperature), topK: sampling.topK ?? 0, topP: Float(sampling.topP),
            repetitionPenalty: Float(sampling.repetitionPenalty), seed: sampling.seed ?? .random(in: .min ... .max))
    }
}
