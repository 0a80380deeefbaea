import NIOCore

/// A model behind OpenAI's Responses API, used without state on the server's side: every request brings back the output
/// items of earlier turns, the encrypted reasoning among them, as ``AssistantTurn/providerState`` keeps them.
///
/// Source: https://platform.openai.com/docs/api-reference/responses
public struct OpenAIResponsesModel: LanguageModel {
    public let name: String
    public let capabilities: ModelCapabilities
    /// Whether replies are streamed.
    public var streaming: Bool

    private let id: String
    private let baseURL: String
    private let key: Secret?
    private let http: ModelHTTPClient

    /// - Parameters:
    ///   - id: The model's id as the provider knows it, such as `gpt-5.2`.
    ///   - name: The name in results and prices; without one, `openai/` and the id.
    ///   - baseURL: Where `/responses` is found, without a slash at the end.
    ///   - key: Sent as a bearer token.
    public init(
        id: String,
        name: String? = nil,
        baseURL: String = OpenAIChatModel.defaultBaseURL,
        key: Secret?,
        http: ModelHTTPClient,
        streaming: Bool = true,
        capabilities: ModelCapabilities = ModelCapabilities()
    ) {
        self.id = id
        self.name = name ?? "openai/\(id)"
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
        let body = try OpenAIResponsesRequest.body(for: request, model: id, streaming: streaming)
        let post = ModelHTTPRequest(url: baseURL + "/responses", key: key, in: .bearer, body: body)
        return try await http.post(post) { reply in
            guard reply.isEventStream else {
                let response = try await reply.decode(OpenAIResponse.self).reply(model: id)
                if !response.turn.text.isEmpty { onDelta(.text(response.turn.text)) }
                for call in response.turn.toolCalls { onDelta(.toolCall(name: call.name)) }
                return response
            }
            var stream = OpenAIResponsesStream()
            for try await event in reply.events { try stream.add(event, onDelta: onDelta) }
            return try stream.response().reply(model: id)
        }
    }
}
