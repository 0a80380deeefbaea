/// A response object of the Responses API.
struct OpenAIResponse: Decodable {
    /// The member of ``AssistantTurn/providerState`` that holds the output items.
    static let stateKey = "openai_responses"

    struct Incomplete: Decodable {
        var reason: String?
    }

    struct Usage: Decodable {
        struct InputDetails: Decodable {
            var cachedTokens: Int?
            enum CodingKeys: String, CodingKey { case cachedTokens = "cached_tokens" }
        }

        var inputTokens: Int?
        var outputTokens: Int?
        var inputDetails: InputDetails?

        enum CodingKeys: String, CodingKey {
            case inputTokens = "input_tokens"
            case outputTokens = "output_tokens"
            case inputDetails = "input_tokens_details"
        }
    }

    var status: String?
    var model: String?
    var output: [JSONValue]
    var usage: Usage?
    var incomplete: Incomplete?
    var error: JSONValue?

    enum CodingKeys: String, CodingKey {
        case status, model, output, usage, error
        case incomplete = "incomplete_details"
    }

    /// The reply that this response is.
    ///
    /// - Throws: ``ModelError``: the response failed, or holds nothing.
    func reply(model id: String) throws -> ModelReply {
        if status == "failed" || status == "cancelled" {
            throw ModelError(api: APIErrorBody(["error": error ?? .null]), status: nil)
        }
        // A response cut off while it reasons ends in a reasoning item, which the API refuses without its successor.
        let reasoned = output.lastIndex { $0["type"]?.string != "reasoning" }.map { Array(output[...$0]) } ?? []
        let turn = AssistantTurn(
            text: output.filter { $0["type"]?.string == "message" }
                .flatMap { $0["content"]?.array ?? [] }
                .compactMap { $0["text"]?.string ?? $0["refusal"]?.string }
                .joined(),
            toolCalls: try output.filter { $0["type"]?.string == "function_call" }.map(Self.toolCall),
            providerState: reasoned.isEmpty ? nil : [Self.stateKey: .array(reasoned)]
        )
        let finish: FinishReason =
            if status != "incomplete" {
                .stop
            } else {
                incomplete?.reason == "content_filter" ? .contentFilter : .length
            }
        let usage = TokenUsage(
            inputTokens: usage?.inputTokens ?? 0,
            cachedInputTokens: usage?.inputDetails?.cachedTokens ?? 0,
            outputTokens: usage?.outputTokens ?? 0)
        return try ModelReply(turn: turn, finish: finish, usage: usage, model: model ?? id).checked()
    }

    private static func toolCall(_ item: JSONValue) throws -> ToolCall {
        guard let id = item["call_id"]?.string, let name = item["name"]?.string else {
            throw ModelError(.malformedReply, "sent a function call without call_id or name")
        }
        return ToolCall(id: id, name: name, arguments: .init(text: item["arguments"]?.string ?? ""))
    }
}
