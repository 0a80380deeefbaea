import LanguageModels
import Synchronization
import TestSupport
import Testing

/// An API, streamed or not: what holds for models holds for each.
struct Wire: Sendable, CaseIterable, CustomTestStringConvertible {
    let api: ScriptedRequest.API
    let streaming: Bool

    static let allCases = ScriptedRequest.API.allCases.flatMap { api in
        [true, false].map { Wire(api: api, streaming: $0) }
    }

    var testDescription: String { "\(api.rawValue), \(streaming ? "streamed" : "whole")" }

    /// A model of this API. The ids are those of models with the strictest rules: they reason, and sign their thoughts.
    func model(
        of provider: ScriptedProvider,
        change: (inout ModelSettings) -> Void = { _ in }
    ) throws -> any LanguageModel {
        var settings = provider.settings
        settings.streaming = streaming
        settings.openAIAPI = api == .responses ? .responses : .chat
        change(&settings)
        return try ModelCatalog(settings: settings, client: provider.client)
            .model(named: api == .gemini ? "gemini/gemini-3-pro-preview" : "openai/gpt-5.2")
    }

    /// The model's id as the scripted provider reports it.
    var reportedModel: String { api == .gemini ? "gemini-3-pro-preview-scripted" : "gpt-5.2-scripted" }
}

/// Asks a question and gives the error it ends in.
func failure(of model: any LanguageModel, _ request: ModelRequest = .question) async throws -> ModelError {
    try await #require(throws: ModelError.self) { _ = try await model.reply(to: request) }
}

/// The deltas of one reply. A mutex, as the callback is synchronous.
final class Deltas: Sendable {
    private let deltas = Mutex<[ModelDelta]>([])
    func add(_ delta: ModelDelta) { deltas.withLock { $0.append(delta) } }
    var all: [ModelDelta] { deltas.withLock { $0 } }
    var text: String { all.map { if case .text(let text) = $0 { text } else { "" } }.joined() }
    var toolNames: [String] { all.compactMap { if case .toolCall(let name) = $0 { name } else { nil } } }
}

extension ModelRequest {
    static let bash = ToolDefinition(
        name: "bash", description: "Runs a command.",
        parameters: [
            "type": "object", "properties": ["command": ["type": "string"]], "required": ["command"],
        ])
    static let submit = ToolDefinition(
        name: "submit", description: "Ends the task.",
        parameters: ["type": "object", "properties": ["summary": ["type": "string"]], "required": ["summary"]])

    static let question = conversation([.user("List the files.")])

    static func conversation(_ messages: [Message], tools: [ToolDefinition] = [bash, submit]) -> ModelRequest {
        ModelRequest(conversation: "programmer", system: "You are a programmer.", messages: messages, tools: tools)
    }
}
