import LanguageModels
import Synchronization
import TestSupport
import Testing

@Suite struct FallbackModelTests {
    /// A model that answers or fails as told, and counts. A mutex, as models are asked from anywhere.
    private final class ToldModel: LanguageModel {
        let name: String
        let capabilities: ModelCapabilities
        private let failure: Mutex<(any Error)?>
        private let count = Mutex(0)

        init(_ name: String, _ failure: (any Error)? = nil, contextTokens: Int? = nil) {
            self.name = name
            self.failure = Mutex(failure)
            capabilities = ModelCapabilities(toolCalling: true, contextTokens: contextTokens)
        }

        var calls: Int { count.withLock { $0 } }
        func fail(with error: (any Error)?) { failure.withLock { $0 = error } }

        func reply(
            to request: ModelRequest, onDelta: @escaping @Sendable (ModelDelta) -> Void
        ) async throws -> ModelReply {
            count.withLock { $0 += 1 }
            if let error = failure.withLock({ $0 }) { throw error }
            return ModelReply(turn: AssistantTurn(text: name), finish: .stop, usage: TokenUsage(), model: name)
        }
    }

    private func model(_ models: [ToldModel], rest: Duration = .seconds(300)) -> FallbackModel {
        FallbackModel(models[0], standIns: Array(models.dropFirst()), rest: rest)
    }

    @Test func theFirstAnswersAsLongAsItCan() async throws {
        let models = [ToldModel("a"), ToldModel("b")]
        let reply = try await model(models).reply(to: .question)
        #expect(reply.turn.text == "a" && reply.standIn == nil)
        #expect(models[1].calls == 0)
    }

    @Test func anotherStandsInAndTheFirstRests() async throws {
        let models = [ToldModel("a", ModelError(.quota, "no credit")), ToldModel("b")]
        let lines = Mutex<[String]>([])
        let fallback = FallbackModel(
            models[0], standIns: [models[1]], onFallback: { line in lines.withLock { $0.append(line) } })
        for _ in 0..<3 {
            let reply = try await fallback.reply(to: .question)
            #expect(reply.turn.text == "b" && reply.standIn == "b")
        }
        #expect(models[0].calls == 1 && models[1].calls == 3)
        #expect(lines.withLock { $0 } == ["no credit; b stands in for a"])
    }

    @Test func theFirstIsAskedAgainAfterItsRest() async throws {
        let models = [ToldModel("a", ModelError(.unavailable, "down")), ToldModel("b")]
        let fallback = model(models, rest: .zero)
        #expect(try await fallback.reply(to: .question).standIn == "b")
        models[0].fail(with: nil)
        #expect(try await fallback.reply(to: .question).standIn == nil)
    }

    @Test func aRequestThatIsRefusedSaysNothingOfTheProvider() async throws {
        let models = [ToldModel("a", ModelError(.contextLength, "too long")), ToldModel("b")]
        let fallback = model(models)
        #expect(try await fallback.reply(to: .question).standIn == "b")
        models[0].fail(with: nil)
        #expect(try await fallback.reply(to: .question).standIn == nil)
    }

    @Test func noneIsLeftOutWhenAllFail() async throws {
        let models = [ToldModel("a", ModelError(.quota, "no credit")), ToldModel("b", ModelError(.timeout, "silent"))]
        let fallback = model(models)
        for _ in 0..<2 {
            let error = try await #require(throws: ModelError.self) { try await fallback.reply(to: .question) }
            #expect(error.kind == .quota && error.message == "no credit; and silent")
        }
        models[0].fail(with: nil)
        #expect(try await fallback.reply(to: .question).turn.text == "a")
    }

    @Test func whoeverCancelsIsObeyed() async throws {
        let models = [ToldModel("a", CancellationError()), ToldModel("b")]
        await #expect(throws: CancellationError.self) { try await model(models).reply(to: .question) }
        #expect(models[1].calls == 0)
    }

    @Test func itOffersWhatAllOffer() {
        let fallback = model([ToldModel("a", contextTokens: 1000), ToldModel("b", contextTokens: 500), ToldModel("c")])
        #expect(fallback.capabilities.contextTokens == 500)
        #expect(fallback.name == "a" && fallback.possibleNames == ["a", "b", "c"])
    }

    /// The whole stack: a provider without credit, and another API that goes on with its conversation.
    @Test func aConversationGoesOnWithAnotherProvider() async throws {
        try await withScriptedProvider(foreignTurns: true) { request in
            guard request.api != .chat || request.turn == 0 else { return .status(402) }
            return request.turn == 0 ? .turn(calls: [("bash", ["command": "ls"])]) : .turn(text: "Done.")
        } body: { provider in
            var settings = provider.settings
            settings.fallbacks = ["gemini/gemini-2.5-pro", "openai/gpt-4.1"]
            let model = try ModelCatalog(settings: settings, client: provider.client).model(named: "openai/gpt-4.1")
            #expect(model.possibleNames == ["openai/gpt-4.1", "gemini/gemini-2.5-pro"])
            let first = try await model.reply(to: .question)
            #expect(first.standIn == nil)
            let call = try #require(first.turn.toolCalls.first)
            let second = try await model.reply(
                to: .conversation([
                    .user("List the files."), .assistant(first.turn),
                    .toolResults([ToolResult(callID: call.id, name: "bash", content: "a.txt")]),
                ]))
            #expect(second.turn.text == "Done." && second.standIn == "gemini/gemini-2.5-pro")
            #expect(await provider.violations == [])
        }
    }
}
