import LanguageModels

/// Chat Completions. Source: https://platform.openai.com/docs/api-reference/chat
enum ScriptedChat: ScriptedAPI {
    static let keyHeader = (name: "authorization", prefix: "Bearer ")

    static func read(_ body: JSONValue, path: String, query: String?, foreignTurns: Bool) throws -> ScriptedRequest {
        let streaming = body["stream"]?.bool == true
        try demand(
            streaming == (body["stream_options"]?["include_usage"]?.bool == true),
            "include_usage belongs to streams, and to all of them")
        try demand((body["max_tokens"] == nil) != (body["max_completion_tokens"] == nil), "one output limit is needed")

        var calls = OpenCalls()
        var turn = 0
        var system = ""
        var last = ""
        var latest: [String] = []
        for (index, message) in try body.requireArray("messages").enumerated() {
            let role = try message.requireString("role")
            if role != "tool" { try calls.demandAllAnswered() }
            switch role {
            case "system":
                try demand(index == 0, "a system message comes later than first")
                system = try message.requireString("content")
            case "user":
                try demand(last != "user", "two user messages in a row")
                latest = [try message.requireString("content")]
            case "assistant":
                try demand(["user", "tool"].contains(last), "an assistant message follows \(last)")
                let made = message["tool_calls"]?.array ?? []
                try demand(!made.isEmpty || message["content"]?.string?.isEmpty == false, "an empty assistant message")
                for call in made {
                    try calls.call(call.requireString("id"))
                    try demand(call["type"] == "function", "a tool call is no function")
                    let arguments = try call.require("function").requireString("arguments")
                    try demand(
                        (try? JSONValue(json: arguments))?.object != nil, "arguments are no object: \(arguments)")
                }
                turn += 1
            case "tool":
                if last != "tool" { latest = [] }
                try calls.answer(message.requireString("tool_call_id"))
                latest.append(try message.requireString("content"))
            default:
                throw Violation("there is no role \(role)")
            }
            last = role
        }
        try calls.demandAllAnswered()
        try demand(["user", "tool"].contains(last), "the last message is not the user's or a tool's")
        return ScriptedRequest(
            api: .chat, model: try body.requireString("model"), streaming: streaming, body: body, turn: turn,
            system: system,
            toolNames: try (body["tools"]?.array ?? []).map { tool in
                try demand(tool["type"] == "function", "a tool is no function")
                let function = try tool.require("function")
                try demand(function["parameters"]?["type"] == "object", "parameters are no object schema")
                return try function.requireString("name")
            },
            latest: latest.joined(separator: "\n"))
    }

    static func body(of turn: ScriptedTurn, for request: ScriptedRequest) -> String {
        let calls = turn.calls.enumerated().map { index, call in
            (id: "call_\(request.turn + 1)_\(index + 1)", name: call.name, arguments: call.arguments)
        }
        let finish: JSONValue =
            switch turn.ending {
            case .length: "length"
            case .filtered: "content_filter"
            case .stop, .garbledCall: calls.isEmpty ? "stop" : "tool_calls"
            }
        return request.streaming
            ? stream(turn, calls, finish, request) : document(turn, calls, finish, request)
    }

    private static func document(
        _ turn: ScriptedTurn, _ calls: [(id: String, name: String, arguments: String)], _ finish: JSONValue,
        _ request: ScriptedRequest
    ) -> String {
        let made = calls.map { call -> JSONValue in
            [
                "id": .string(call.id), "type": "function",
                "function": ["name": .string(call.name), "arguments": .string(call.arguments)],
            ]
        }
        let message: JSONValue = [
            "role": "assistant", "content": turn.text.isEmpty ? nil : .string(turn.text), "refusal": nil,
            "tool_calls": made.isEmpty ? nil : .array(made),
        ]
        let choice: JSONValue = ["index": 0, "message": message, "finish_reason": finish, "logprobs": nil]
        let document: JSONValue = [
            "id": "chatcmpl-scripted", "object": "chat.completion", "model": .string(request.model + "-scripted"),
            "choices": turn.isEmpty ? [] : [choice], "usage": usage(turn),
        ]
        return document.json
    }

    private static func stream(
        _ turn: ScriptedTurn, _ calls: [(id: String, name: String, arguments: String)], _ finish: JSONValue,
        _ request: ScriptedRequest
    ) -> String {
        var deltas: [JSONValue] = [["role": "assistant", "content": ""]]
        deltas += pieces(turn.text).map { ["content": .string($0)] }
        for (index, call) in calls.enumerated() {
            let number = JSONValue.integer(Int64(index))
            let start: JSONValue = [
                "index": number, "id": .string(call.id), "type": "function",
                "function": ["name": .string(call.name), "arguments": ""],
            ]
            deltas.append(["tool_calls": [start]])
            deltas += pieces(call.arguments).map { piece in
                ["tool_calls": [["index": number, "function": ["arguments": .string(piece)]]]]
            }
        }
        var choices: [JSONValue] = deltas.map { ["index": 0, "delta": $0, "finish_reason": nil] }
        choices.append(["index": 0, "delta": [:], "finish_reason": finish])
        if turn.isEmpty { choices = [] }

        let model = JSONValue.string(request.model + "-scripted")
        var chunks = choices.map { choice -> JSONValue in ["model": model, "choices": [choice], "usage": nil] }
        chunks.append(["model": model, "choices": [], "usage": usage(turn)])
        return chunks.map { "data: \($0.json)\n\n" }.joined() + "data: [DONE]\n\n"
    }

    private static func usage(_ turn: ScriptedTurn) -> JSONValue {
        [
            "prompt_tokens": .integer(Int64(turn.usage.inputTokens)),
            "completion_tokens": .integer(Int64(turn.usage.outputTokens)),
            "prompt_tokens_details": ["cached_tokens": .integer(Int64(turn.usage.cachedInputTokens))],
        ]
    }
}
