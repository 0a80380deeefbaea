import NIOCore

/// A model behind the Gemini API.
///
/// Gemini signs its thoughts and wants the signatures back on the parts they came with: ``AssistantTurn/providerState``
/// keeps a turn's parts as they came.
///
/// Source: https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/thought-signatures
public struct GeminiModel: LanguageModel {
    public static let defaultBaseURL = "https://generativelanguage.googleapis.com"

    public let name: String
    public let capabilities: ModelCapabilities
    /// Whether replies are streamed.
    public var streaming: Bool

    private let id: String
    private let baseURL: String
    private let key: Secret?
    private let http: ModelHTTPClient

    /// - Parameters:
    ///   - id: The model's id as the provider knows it, such as `gemini-2.5-pro`.
    ///   - name: The name in results and prices; without one, `gemini/` and the id.
    ///   - baseURL: The host, without `/v1beta` and without a slash at the end.
    ///   - key: Sent as `x-goog-api-key`.
    public init(
        id: String,
        name: String? = nil,
        baseURL: String = Self.defaultBaseURL,
        key: Secret?,
        http: ModelHTTPClient,
        streaming: Bool = true,
        capabilities: ModelCapabilities = ModelCapabilities()
    ) {
        self.id = id
        self.name = name ?? "gemini/\(id)"
        self.baseURL = baseURL
        self.key = key
        self.http = http
        self.streaming = streaming
        self.capabilities = capabilities
    }

    public func reply(
        to request: ModelRequest,
        onDelta: @escaping @Sendable (ModelDelta) -> Void
    ) async throws -> ModelReply {
        let method = streaming ? "streamGenerateContent?alt=sse" : "generateContent"
        let post = ModelHTTPRequest(
            url: "\(baseURL)/v1beta/models/\(id):\(method)", key: key, in: .google,
            body: try GeminiRequest.body(for: request, model: id))
        return try await http.post(post) { reply in
            var answer = GeminiAnswer()
            if reply.isEventStream {
                for try await event in reply.events {
                    try answer.add(ModelHTTPReply.decode(GeminiResponse.self, from: event.data), onDelta: onDelta)
                }
            } else {
                try answer.add(await reply.decode(GeminiResponse.self), onDelta: onDelta)
            }
            return try answer.reply(to: request, model: id)
        }
    }
}
