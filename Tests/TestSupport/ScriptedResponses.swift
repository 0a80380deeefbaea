import LanguageModels

/// The Responses API, without state on this side. Source: https://platform.openai.com/docs/api-reference/responses
///
/// Every turn starts with a reasoning item; its seal shows whether it comes back unharmed.
enum ScriptedResponses: ScriptedAPI {
    static let keyHeader = (name: "authorization", prefix: "Bearer ")

    static func read(_ body: JSONValue, path: String, query: String?, foreignTurns: Bool) throws -> ScriptedRequest {
        let model = try body.requireString("model")
        try demand(body["store"]?.bool == false, "store must be false")
        let asksForReasoning = body["include"]?.array?.contains("reasoning.encrypted_content") == true
        try demand(asksForReasoning == reasons(model), "Encrypted content is not supported, or not asked for")
        _ = try body.require("max_output_tokens")

        var calls = OpenCalls()
        var turn = 0
        var latest: [String] = []
        var last = ""
        var reasoning: String?
        for item in try body.requireArray("input") {
            let role = item["role"]?.string
            let type = item["type"]?.string ?? "message"
            let kind = role ?? type
            if kind != "function_call_output", kind != "function_call" { try calls.demandAllAnswered() }
            if reasoning != nil, !["assistant", "function_call"].contains(kind) {
                throw Violation("a reasoning item is without the item that followed it")
            }
            let startsTurn = ["user", "function_call_output"].contains(last)
            switch kind {
            case "user":
                try demand(last != "user", "two user messages in a row")
                latest = [try item.requireString("content")]
            case "reasoning":
                try demand(startsTurn, "a reasoning item in the middle of a turn")
                let id = try item.requireString("id")
                try demand(item["encrypted_content"]?.string == "sealed \(id)", "the seal of \(id) is broken")
                reasoning = String(id.dropFirst("rs_scripted_".count))
                turn += 1
            case "assistant", "function_call":
                if startsTurn { turn += 1 }
                let id = item["id"]?.string
                if startsTurn || last == "reasoning", reasons(model), id != nil || !foreignTurns {
                    try demand(
                        reasoning.map { id?.hasPrefix("item_scripted_\($0)_") == true } == true,
                        "\(id ?? kind) was provided without its required reasoning item")
                }
                reasoning = nil
                guard kind == "function_call" else { break }
                _ = try item.requireString("name")
                _ = try item.requireString("arguments")
                try calls.call(item.requireString("call_id"))
            case "function_call_output":
                if last != kind { latest = [] }
                try calls.answer(item.requireString("call_id"))
                latest.append(try item.requireString("output"))
            default:
                throw Violation("there is no input item \(kind)")
            }
            last = kind
        }
        try calls.demandAllAnswered()
        try demand(["user", "function_call_output"].contains(last), "the last item is the model's")
        return ScriptedRequest(
            api: .responses, model: model, streaming: body["stream"]?.bool == true, body: body, turn: turn,
            system: body["instructions"]?.string ?? "",
            toolNames: try (body["tools"]?.array ?? []).map { tool in
                try demand(tool["type"] == "function", "a tool is no function")
                try demand(tool["strict"]?.bool == false, "a strict function needs every property required")
                return try tool.requireString("name")
            },
            latest: latest.joined(separator: "\n"))
    }

    private static func reasons(_ model: String) -> Bool { !model.hasPrefix("gpt-4") }

    static func body(of turn: ScriptedTurn, for request: ScriptedRequest) -> String {
        let number = request.turn + 1
        var output: [JSONValue] = []
        if reasons(request.model) {
            let id = "rs_scripted_\(number)"
            output.append([
                "type": "reasoning", "id": .string(id), "summary": [], "encrypted_content": .string("sealed \(id)"),
            ])
        }
        if !turn.text.isEmpty {
            output.append([
                "type": "message", "id": .string("item_scripted_\(number)_0"), "role": "assistant",
                "content": [["type": "output_text", "text": .string(turn.text), "annotations": []]],
            ])
        }
        for (index, call) in turn.calls.enumerated() {
            output.append([
                "type": "function_call", "id": .string("item_scripted_\(number)_\(index + 1)"),
                "call_id": .string("call_\(number)_\(index + 1)"), "name": .string(call.name),
                "arguments": .string(call.arguments),
            ])
        }
        if turn.isEmpty { output = [] }
        let isIncomplete = turn.ending == .length || turn.ending == .filtered
        let response: JSONValue = [
            "id": "resp_scripted", "object": "response", "model": .string(request.model + "-scripted"),
            "status": isIncomplete ? "incomplete" : "completed", "output": .array(output), "error": nil,
            "incomplete_details": isIncomplete
                ? ["reason": turn.ending == .length ? "max_output_tokens" : "content_filter"] : nil,
            "usage": [
                "input_tokens": .integer(Int64(turn.usage.inputTokens)),
                "input_tokens_details": ["cached_tokens": .integer(Int64(turn.usage.cachedInputTokens))],
                "output_tokens": .integer(Int64(turn.usage.outputTokens)),
            ],
        ]
        guard request.streaming else { return response.json }
        return stream(turn, response, output, ending: isIncomplete ? "response.incomplete" : "response.completed")
    }

    private static func stream(
        _ turn: ScriptedTurn, _ response: JSONValue, _ output: [JSONValue], ending: String
    ) -> String {
        var events: [(String, JSONValue)] = [("response.created", ["response": ["status": "in_progress"]])]
        for item in output {
            events.append(("response.output_item.added", ["item": item]))
            if item["type"] == "message" {
                events += pieces(turn.text).map { ("response.output_text.delta", ["delta": .string($0)]) }
            }
            if let arguments = item["arguments"]?.string {
                events += pieces(arguments).map { ("response.function_call_arguments.delta", ["delta": .string($0)]) }
            }
            events.append(("response.output_item.done", ["item": item]))
        }
        events.append((ending, ["response": response]))
        return events.map { name, event in
            let event = JSONValue.object(event.object!.merging(["type": .string(name)]) { $1 })
            return "event: \(name)\ndata: \(event.json)\n\n"
        }.joined()
    }
}
