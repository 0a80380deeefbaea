/// A GenerateContentResponse: a whole one, or a piece of a stream.
struct GeminiResponse: Decodable {
    struct Candidate: Decodable {
        var content: Content?
        var finishReason: String?
    }

    struct Content: Decodable {
        var parts: [JSONValue]?
    }

    struct PromptFeedback: Decodable {
        var blockReason: String?
    }

    struct Usage: Decodable {
        var promptTokenCount: Int?
        var toolUsePromptTokenCount: Int?
        var cachedContentTokenCount: Int?
        var candidatesTokenCount: Int?
        var thoughtsTokenCount: Int?
    }

    var candidates: [Candidate]?
    var promptFeedback: PromptFeedback?
    var usageMetadata: Usage?
    var modelVersion: String?
    var error: JSONValue?
}
