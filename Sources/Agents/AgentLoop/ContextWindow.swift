import LanguageModels

/// Keeps a conversation within the model's context by leaving out old tool outputs.
///
/// What is left out depends on the messages alone, so a replayed run sends what it sent before.
enum ContextWindow {
    /// Assumed where the model does not say.
    private static let assumedTokens = 128_000
    /// A careful guess for code and English.
    private static let bytesPerToken = 3
    /// Outputs are left out in blocks of this many messages, so that the prompt's beginning, which providers cache, stays
    /// the same for many turns.
    private static let block = 16
    private static let stub = "[output left out to save space; run the command again if you need it]"

    static func fit(_ messages: [Message], of model: any LanguageModel) -> [Message] {
        // A quarter of the window is for the system prompt, the tools and the reply.
        let limit = (model.capabilities.contextTokens ?? assumedTokens) * bytesPerToken * 3 / 4
        var size = messages.reduce(0) { $0 + $1.bytes }
        var messages = messages
        var kept = 0
        while size > limit, kept + block < messages.count {
            for index in kept..<kept + block {
                size -= messages[index].bytes
                messages[index].leaveOutOutputs(stub)
                size += messages[index].bytes
            }
            kept += block
        }
        return messages
    }
}

extension Message {
    fileprivate mutating func leaveOutOutputs(_ stub: String) {
        guard case .toolResults(var results) = self else { return }
        for index in results.indices where results[index].content.utf8.count > stub.utf8.count {
            results[index].content = stub
        }
        self = .toolResults(results)
    }

    fileprivate var bytes: Int {
        switch self {
        case .user(let text): text.utf8.count
        case .toolResults(let results): results.reduce(0) { $0 + $1.content.utf8.count }
        case .assistant(let turn):
            turn.toolCalls.reduce(turn.text.utf8.count) { sum, call in
                switch call.arguments {
                case .malformed(let text): sum + text.utf8.count
                case .object(let arguments): sum + arguments.values.reduce(0) { $0 + ($1.string?.utf8.count ?? 8) }
                }
            }
        }
    }
}
