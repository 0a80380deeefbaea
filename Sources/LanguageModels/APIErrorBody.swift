/// What an API says about an error, in any of the shapes in use.
///
/// OpenAI: `{"error": {"message", "type", "code"}}`; Gemini: `{"error": {"message", "status", "code", "details"}}`, some
/// times in an array; Ollama: `{"error": "…"}`; FastAPI servers: `{"detail": "…"}`; gateways: a line of text or HTML.
struct APIErrorBody {
    let message: String
    /// The HTTP status an error inside a stream names, if it does.
    let status: Int?
    /// How long Gemini asks to wait, in seconds.
    let retryDelay: Double?

    private let codes: [String]
    private let details: [JSONValue]

    init(_ json: JSONValue?, text: String = "") {
        let body = json?.array?.first ?? json
        let error = body?["error"] ?? body
        message =
            error?.string ?? error?["message"]?.string ?? body?["detail"]?.string
            ?? (text.contains("<html") ? "an HTML page" : text)
        codes = ["code", "type", "status"].compactMap { error?[$0]?.string }
        status = error?["code"]?.integer.flatMap { (400..<600).contains($0) ? $0 : nil }
        details = error?["details"]?.array ?? []
        retryDelay = details.lazy.compactMap { $0["retryDelay"]?.string }.first
            .flatMap { $0.hasSuffix("s") ? Double($0.dropLast()) : nil }
    }

    /// No credit, or a daily allowance used up: asking again soon does not help.
    var isQuota: Bool {
        codes.contains("insufficient_quota") || codes.contains("billing_hard_limit_reached")
            || details.contains { detail in
                detail["violations"]?.array?.contains { $0["quotaId"]?.string?.contains("PerDay") == true } == true
            }
    }

    var isRateLimit: Bool { codes.contains { $0.hasPrefix("rate_limit") || $0 == "RESOURCE_EXHAUSTED" } }

    var isInvalidRequest: Bool { codes.contains { $0.lowercased().hasPrefix("invalid_") } }

    /// Gemini answers a wrong key with 400.
    var isInvalidKey: Bool { details.contains { $0["reason"]?.string == "API_KEY_INVALID" } }

    /// OpenAI has a code for it, the others only words.
    var isContextLength: Bool {
        codes.contains("context_length_exceeded") || codes.contains("exceed_context_size_error")
            || ["maximum context length", "exceeds the available context size", "exceeds the maximum number of tokens"]
                .contains(where: message.contains)
    }
}
