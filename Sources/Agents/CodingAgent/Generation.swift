import LanguageModels
import Workflow

/// What the model wrote in one go, as the journal keeps it.
struct Generation: Codable, Sendable {
    var candidates: [CompletionReply.Candidate]
    /// What stands before each candidate in its program, where the prompt began it.
    var stub: String?
    var usage: TokenUsage
    var seconds: Double

    /// The beginning of the program with what it was continued with, or the reply as it is.
    var texts: [String] { candidates.map { (stub ?? "") + $0.text } }
}

extension CodingContext {
    /// Has the model write candidates: the first ones, or ones without what was wrong with the last attempt.
    func generate(_ state: inout CodingState, _ run: Run) async throws {
        let failed = state.attempts.last
        let attempt = state.attempts.count + 1
        onEvent(.began(failed == nil ? .generate : .fix, attempt: attempt, reason: failed?.failure))
        let attempts = state.attempts
        let count = request.options.samples(of: training)
        // They start while the model works.
        await sandboxes.prepare(count)
        let generation: Generation = try await run.effect("model") {
            try await generate(after: attempts, count: count)
        }
        state.generation = generation
        state.check = nil
        state.usage += generation.usage
        onEvent(
            .generated(
                candidates: generation.texts, tokens: generation.usage.outputTokens, seconds: generation.seconds))
    }

    private func generate(after attempts: [CodingAttempt], count: Int) async throws -> Generation {
        let start = ContinuousClock.now
        var generation: Generation
        if let model = model as? any CompletingModel {
            generation = try await complete(model, after: attempts, count: count)
        } else {
            generation = try await converse(after: attempts, count: count)
        }
        generation.seconds = (ContinuousClock.now - start).seconds
        return generation
    }

    private func complete(
        _ model: any CompletingModel, after attempts: [CodingAttempt], count: Int
    ) async throws -> Generation {
        do {
            return try await complete(model, prompt(after: attempts), after: attempts, count: count)
        } catch let error as ModelError where error.kind == .contextLength {
            // Small models have short contexts: what was said before is what they can do without.
            let alone = prompt(after: [], alone: true)
            guard alone != prompt(after: attempts) else { throw error }
            onEvent(.notice("the model's context is too short for what was said before; it gets the task alone"))
            return try await complete(model, alone, after: attempts, count: count)
        }
    }

    private func prompt(after attempts: [CodingAttempt], alone: Bool = false) -> CompletionRequest.Prompt {
        if training == .base {
            return .text(CodingPrompts.beginning(request.task, after: attempts.last) + CodingPrompts.stub)
        }
        var request = request
        if alone { request.history = [] }
        return .conversation(system: CodingPrompts.system, messages: CodingPrompts.messages(request, attempts))
    }

    private func complete(
        _ model: any CompletingModel, _ prompt: CompletionRequest.Prompt, after attempts: [CodingAttempt], count: Int
    ) async throws -> Generation {
        let stub = training == .base ? CodingPrompts.stub : nil
        let completion = CompletionRequest(
            prompt: prompt, samples: request.options.sampling(count: count),
            maxNewTokens: request.options.maxNewTokens(of: training),
            stop: training == .base ? CodingPrompts.stops : [], lookup: attempts.last?.code)
        if let stub { onEvent(.code(stub)) }
        let onEvent = onEvent
        let outcome = try await model.complete(completion) { piece in
            if piece.candidate == 0 { onEvent(.code(piece.text)) }
            return true
        }
        return Generation(candidates: outcome.candidates, stub: stub, usage: outcome.usage, seconds: 0)
    }

    private func converse(after attempts: [CodingAttempt], count: Int) async throws -> Generation {
        let question = ModelRequest(
            conversation: "coder", system: CodingPrompts.system,
            messages: CodingPrompts.messages(request, attempts),
            maxOutputTokens: request.options.maxNewTokens(of: training), temperature: request.options.temperature,
            topP: request.options.topP, repetitionPenalty: request.options.repetitionPenalty)
        let (model, onEvent) = (model, onEvent)
        let replies = try await withThrowingTaskGroup(of: (Int, ModelReply).self) { group in
            for index in 0..<count {
                group.addTask {
                    let reply = try await model.reply(to: question) { delta in
                        if index == 0, case .text(let text) = delta { onEvent(.code(text)) }
                    }
                    return (index, reply)
                }
            }
            var replies: [(Int, ModelReply)] = []
            for try await reply in group { replies.append(reply) }
            return replies.sorted { $0.0 < $1.0 }.map(\.1)
        }
        var usage = TokenUsage()
        for reply in replies { usage += reply.usage }
        return Generation(
            candidates: replies.map { CompletionReply.Candidate(text: $0.turn.text, finish: $0.finish) }, usage: usage,
            seconds: 0)
    }
}
