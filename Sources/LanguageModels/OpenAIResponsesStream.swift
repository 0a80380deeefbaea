/// A streamed response as it comes together from its events. Most events repeat what the last one holds: only the few
/// that matter are decoded.
struct OpenAIResponsesStream {
    private struct TextDelta: Decodable { var delta: String }
    private struct Item: Decodable { var item: JSONValue }
    private struct Ending: Decodable { var response: OpenAIResponse }
    private struct Name: Decodable { var type: String }

    private var items: [JSONValue] = []
    private var ending: OpenAIResponse?

    mutating func add(_ event: ServerSentEvent, onDelta: (ModelDelta) -> Void) throws {
        let name = event.name.isEmpty ? try ModelHTTPReply.decode(Name.self, from: event.data).type : event.name
        switch name {
        case "response.output_text.delta", "response.refusal.delta":
            onDelta(.text(try ModelHTTPReply.decode(TextDelta.self, from: event.data).delta))
        case "response.output_item.added":
            let item = try ModelHTTPReply.decode(Item.self, from: event.data).item
            if item["type"]?.string == "function_call", let name = item["name"]?.string {
                onDelta(.toolCall(name: name))
            }
        case "response.output_item.done":
            items.append(try ModelHTTPReply.decode(Item.self, from: event.data).item)
        case "response.completed", "response.incomplete", "response.failed":
            ending = try ModelHTTPReply.decode(Ending.self, from: event.data).response
        case "error":
            let error = try ModelHTTPReply.decode(JSONValue.self, from: event.data)
            throw ModelError(api: APIErrorBody(error), status: nil)
        default:
            break
        }
    }

    /// The response the stream ended with.
    ///
    /// - Throws: ``ModelError/Kind/malformedReply`` for a stream that was cut.
    func response() throws -> OpenAIResponse {
        guard var response = ending else {
            throw ModelError(.malformedReply, "ended its stream before the answer was complete")
        }
        // Some servers leave the output out of the last event, as the items were sent before.
        if response.output.isEmpty { response.output = items }
        return response
    }
}
