public import LanguageModels

/// What goes wrong with model providers, and what does not although it looks odd.
public enum ProviderFault {
    /// What may be better at the next try.
    public static func transient(streaming: Bool) -> [ScriptedReply] {
        [
            .status(429, headers: ["retry-after-ms": "1"]), .status(429),
            .status(429, headers: ["retry-after": "3600"]),
            .status(500, body: "<html>oops</html>"), .status(502), .status(503, headers: ["retry-after": "0"]),
            .status(504), .status(408), .status(409), .empty, .turn(text: ""), .raw(""), .raw("Bad gateway"),
            .raw(streaming ? "data: [1, 2]\n\n" : "[1, 2]"), .json("{}"), .json(#"{"choices": 7, "output": 7}"#),
            .cut(afterBytes: 0), .cut(afterBytes: 30), .cut(afterBytes: 600),
        ]
    }

    /// What takes until the patience of the client ends.
    public static let silent: [ScriptedReply] = [.hang, .stall(afterBytes: 0), .stall(afterBytes: 300)]

    /// What stays as it is, with the error it is.
    public static let permanent: [(reply: ScriptedReply, kind: ModelError.Kind)] = [
        (.status(401), .authentication), (.status(403), .authentication), (.status(402), .quota),
        (.status(429, body: #"{"error":{"code":"insufficient_quota"}}"#), .quota),
        (.status(400, body: #"{"error":{"message":"no","code":"invalid_value"}}"#), .invalidRequest),
        (.status(400, body: #"{"error":{"code":"context_length_exceeded"}}"#), .contextLength),
        (.status(404), .invalidRequest), (.status(422), .invalidRequest),
    ]
}
