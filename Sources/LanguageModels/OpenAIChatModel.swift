import Foundation
import NIOCore

/// A model behind OpenAI's Chat Completions, or behind a server that speaks the same: vLLM, llama.cpp, Ollama, LM Studio.
///
/// Source: https://platform.openai.com/docs/api-reference/chat
public struct OpenAIChatModel: LanguageModel {
    public static let defaultBaseURL = "https://api.openai.com/v1"

    public let name: String
    public let capabilities: ModelCapabilities
    /// Whether replies are streamed. Servers that answer with plain JSON all the same are understood.
    public var streaming: Bool

    private let id: String
    private let baseURL: String
    private let key: Secret?
    private let http: ModelHTTPClient
    private let limitsCompletion: Bool

    /// - Parameters:
    ///   - id: The model's id as the provider knows it, such as `gpt-4.1`.
    ///   - name: The name in results and prices; without one, `openai/` and the id.
    ///   - baseURL: Where `/chat/completions` is found, without a slash at the end.
    ///   - key: Sent as a bearer token; local servers need none.
    ///   - limitsCompletion: Whether the output limit is called `max_completion_tokens`, which OpenAI's reasoning models
    ///     insist on, or `max_tokens`, which most other servers know only. `nil`: the first at api.openai.com.
    public init(
        id: String,
        name: String? = nil,
        baseURL: String = Self.defaultBaseURL,
        key: Secret?,
        http: ModelHTTPClient,
        streaming: Bool = true,
        limitsCompletion: Bool? = nil,
        capabilities: ModelCapabilities = ModelCapabilities()
    ) {
        self.id = id
        self.name = name ?? "openai/\(id)"
        self.baseURL = baseURL
        self.key = key
        self.http = http
        self.streaming = streaming
        self.limitsCompletion = limitsCompletion ?? (URL(string: baseURL)?.host() == "api.openai.com")
        self.capabilities = capabilities
    }

    public func reply(
        to request: ModelRequest,
        onDelta: @escaping @Sendable (ModelDelta) -> Void
    ) async throws -> ModelReply {
        let body = try OpenAIChatRequest.body(
            for: request, model: id, streaming: streaming, limitsCompletion: limitsCompletion)
        let post = ModelHTTPRequest(url: baseURL + "/chat/completions", key: key, in: .bearer, body: body)
        return try await http.post(post) { reply in
            var answer = OpenAIChatAnswer()
            if reply.isEventStream {
                for try await event in reply.events {
                    // Read on to the end after `[DONE]`, so that the connection can be used again.
                    if event.data.readableBytesView.elementsEqual("[DONE]".utf8) {
                        answer.isComplete = true
                    } else {
                        try answer.add(ModelHTTPReply.decode(OpenAIChatChunk.self, from: event.data), onDelta: onDelta)
                    }
                }
            } else {
                try answer.add(await reply.decode(OpenAIChatChunk.self), onDelta: onDelta)
                answer.isComplete = true
            }
            return try answer.reply(to: request, model: id)
        }
    }
}
