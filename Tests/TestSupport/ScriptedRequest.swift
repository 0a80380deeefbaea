public import LanguageModels

/// A request as the scripted provider received it, in terms that do not depend on the API.
public struct ScriptedRequest: Sendable {
    public enum API: String, Sendable, CaseIterable { case chat, responses, gemini }

    public let api: API
    /// The model's id.
    public let model: String
    public let streaming: Bool
    /// The body as it came.
    public let body: JSONValue
    /// How many assistant turns the conversation has so far: what a script usually decides by.
    public let turn: Int
    /// The system prompt.
    public let system: String
    /// The names of the tools offered.
    public let toolNames: [String]
    /// The text of the last turn: what the user said, or the tools' results, one a line.
    public let latest: String
}
