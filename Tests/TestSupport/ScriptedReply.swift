public import LanguageModels

/// What the scripted provider answers.
public enum ScriptedReply: Sendable {
    /// A proper turn. A name that was never offered makes a call of an unknown tool.
    case turn(
        text: String = "",
        calls: [(name: String, arguments: JSONValue)] = [],
        usage: TokenUsage = Self.usage)
    /// A call whose arguments are this text rather than JSON. Gemini, whose arguments are no text, says that it garbled
    /// a call.
    case malformedArguments(name: String, text: String)
    /// A turn that the output limit cut off after this text.
    case truncated(text: String)
    /// A turn withheld after this text.
    case filtered(text: String)
    /// A success without any choice or candidate (for Responses: without output).
    case empty
    /// An error, or anything else with a status.
    case status(Int, headers: [String: String] = [:], body: String = "")
    /// A success with this body: JSON, or events where the request asks for a stream. It is sent in pieces of so many
    /// bytes, if that is given.
    case raw(String, pieceBytes: Int? = nil)
    /// A success with this body as plain JSON, even where a stream is asked for.
    case json(String)
    /// No answer at all, until the client goes away.
    case hang
    /// The first bytes of a proper turn, and then silence.
    case stall(afterBytes: Int)
    /// The first bytes of a proper turn, and then a closed connection.
    case cut(afterBytes: Int)

    /// The usage that turns report unless they say otherwise.
    public static let usage = TokenUsage(inputTokens: 100, cachedInputTokens: 40, outputTokens: 20)
}

/// A turn to be said in the words of an API.
struct ScriptedTurn {
    enum Ending { case stop, length, filtered, garbledCall }

    var text = ""
    /// Names, and arguments as JSON text or what passes for it.
    var calls: [(name: String, arguments: String)] = []
    var ending = Ending.stop
    var usage = ScriptedReply.usage
    var isEmpty = false

    /// What is cut off by `.cut` and `.stall`.
    static let long = ScriptedTurn(
        text: String(repeating: "This answer does not get to its end. ", count: 20),
        calls: [("bash", #"{"command":"true"}"#)])
}
