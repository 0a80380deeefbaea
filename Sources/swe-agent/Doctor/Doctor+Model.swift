import AsyncHTTPClient
import Foundation
import LanguageModels
import ModelHub

extension Doctor {
    /// Whether the model of the settings can be made, and answers.
    func examineModel() async throws {
        let http = HTTPClient(configuration: ModelHTTPClient.configuration)
        let result: Result<Void, any Error>
        do { result = .success(try await examineModel(http)) } catch { result = .failure(error) }
        try? await http.shutdown()
        try result.get()
    }

    private func examineModel(_ http: HTTPClient) async throws {
        var catalogSettings = settings.models.catalog
        // One try tells how things are; a minute is long for a few words.
        catalogSettings.retryPolicy = .never
        catalogSettings.timeout = min(catalogSettings.timeout, .seconds(60))
        let catalog = ModelCatalog(settings: catalogSettings, client: http)
        let name = settings.models.name
        let isKnown = try await check("model") {
            let model = try catalog.model(named: name)
            return try verdict(on: model, named: name)
        }
        guard isKnown, !name.hasPrefix("local/"), !name.hasPrefix("replay/") else { return }
        try await check("provider", orElse: "see that this machine reaches it; a proxy or a firewall may be between") {
            try await verdict(onAnswerOf: try catalog.model(named: name))
        }
    }

    private func verdict(on model: any LanguageModel, named name: String) throws -> Finding.Verdict {
        if name.hasPrefix("replay/") { return .passed("\(name), a recording") }
        guard name.hasPrefix("local/") else {
            // Where there has to be a key, there is no model without one.
            let isKeyless = name.hasPrefix("openai-compatible/") && settings.models.catalog.openAIKey == nil
            return .passed(isKeyless ? "\(model.name), without a key" : "\(model.name), with a key")
        }
        guard let hub = settings.models.catalog.local?.hub, let id = try? ModelID(String(name.dropFirst(6))),
            let entry = hub.entries().first(where: { $0.id == id })
        else { return .passed("\(name), on this machine") }
        guard entry.isComplete else {
            return .failed("\(name) is not whole on this machine", advice: "run: swe-agent model pull \(id)")
        }
        return .passed("\(name), \(ByteCount(entry.size)) on this machine")
    }

    /// Asks for a word. What costs nothing tells less: lists of models are shown to keys without credit, too.
    private func verdict(onAnswerOf model: any LanguageModel) async throws -> Finding.Verdict {
        let request = ModelRequest(
            conversation: "doctor", system: "You are asked whether you can be reached.",
            messages: [.user("Reply with the word yes.")], maxOutputTokens: 512)
        let start = ContinuousClock.now
        do {
            let reply = try await model.reply(to: request)
            let tokens = reply.usage.inputTokens + reply.usage.outputTokens
            let seconds = String(format: "%.1f", start.duration(to: .now).inSeconds)
            return .passed("\(reply.model.printable(limit: 100)) answered in \(seconds) s, \(tokens) tokens")
        } catch let error as ModelError {
            return .failed(error.message.printable(limit: 500), advice: Self.advice(on: error))
        }
    }

    private static func advice(on error: ModelError) -> String {
        switch error.kind {
        case .authentication: "correct the key, or ask for the right to use the model"
        case .quota: "add credit to the account, or choose another MODEL_NAME"
        case .rateLimited: "wait, or ask the provider for a higher limit"
        case .invalidRequest where error.status == 404: "correct the id in MODEL_NAME, or the base URL"
        case .invalidRequest, .contextLength, .replayExhausted: "choose another MODEL_NAME"
        case .malformedReply: "correct the base URL: what answers there is not what MODEL_NAME says"
        case .unavailable, .timeout: "correct the base URL, or see that this machine reaches it and try again"
        }
    }
}
