import Foundation
import LanguageModels

/// Gemini's generateContent. Source: https://ai.google.dev/api/generate-content
///
/// From Gemini 3 on, calls have ids, and the first call of a turn must bring back the signature it came with.
enum ScriptedGemini: ScriptedAPI {
    static let keyHeader = (name: "x-goog-api-key", prefix: "")

    static func read(_ body: JSONValue, path: String, query: String?, foreignTurns: Bool) throws -> ScriptedRequest {
        let parts = path.dropFirst("/v1beta/models/".count).split(separator: ":")
        try demand(parts.count == 2, "the path names no method")
        let model = String(parts[0])
        let streaming = parts[1] == "streamGenerateContent"
        try demand(streaming || parts[1] == "generateContent", "there is no method \(parts[1])")
        try demand(query == (streaming ? "alt=sse" : nil), "the query is \(query ?? "missing")")
        try demand(body["generationConfig"]?["maxOutputTokens"] != nil, "maxOutputTokens is missing")

        var turn = 0
        var last = ""
        var calls: [JSONValue] = []
        var latest: [String] = []
        for content in try body.requireArray("contents") {
            let role = try content.requireString("role")
            let parts = try content.requireArray("parts")
            try demand(!parts.isEmpty, "a content has no parts")
            try demand(role != last, "two contents of \(role) in a row")
            switch role {
            case "user":
                let responses = parts.compactMap { $0["functionResponse"] }
                try check(responses, answer: calls)
                calls = []
                latest = parts.compactMap { part in
                    part["text"]?.string
                        ?? part["functionResponse"]?["response"].flatMap {
                            $0["output"]?.string ?? $0["error"]?.string
                        }
                }
            case "model":
                try demand(last == "user", "the first content is the model's")
                calls = parts.compactMap { $0["functionCall"] }
                if let first = parts.first(where: { $0["functionCall"] != nil }) {
                    try checkSignature(first, model, foreignTurns: foreignTurns)
                }
                turn += 1
            default:
                throw Violation("there is no role \(role)")
            }
            last = role
        }
        try demand(last == "user", "the last content is the model's")
        let functions = try (body["tools"]?.array ?? []).flatMap { try $0.requireArray("functionDeclarations") }
        for schema in functions.compactMap({ $0["parameters"] }) { try checkSchema(schema) }
        return ScriptedRequest(
            api: .gemini, model: model, streaming: streaming, body: body, turn: turn,
            system: body["systemInstruction"]?["parts"]?.array?.first?["text"]?.string ?? "",
            toolNames: try functions.map { try $0.requireString("name") },
            latest: latest.joined(separator: "\n"))
    }

    private static func check(_ responses: [JSONValue], answer calls: [JSONValue]) throws {
        try demand(
            responses.count == calls.count,
            "the number of function response parts is not that of the function call parts before")
        for (response, call) in zip(responses, calls) {
            try demand(response["name"] == call["name"], "a function response bears another name than its call")
            try demand(response["id"] == call["id"], "a function response bears another id than its call")
            try demand(response["response"]?.object != nil, "a function response is no object")
        }
    }

    private static func checkSignature(_ part: JSONValue, _ model: String, foreignTurns: Bool) throws {
        let given = part["thoughtSignature"]?.string
        if foreignTurns && given == (isStrict(model) ? "skip_thought_signature_validator" : nil) { return }
        try demand(
            given == signature(part["functionCall"]!),
            "Function call is missing a thought_signature, or has a wrong one")
    }

    private static func isStrict(_ model: String) -> Bool { !model.hasPrefix("gemini-2") }

    private static func signature(_ call: JSONValue) -> String {
        Data("signed \(call["name"]?.json ?? "") \(call["args"]?.json ?? "")".utf8).base64EncodedString()
    }

    private static let keywords: Set<String> = [
        "type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties", "required",
        "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf", "propertyOrdering",
        "default", "items", "minimum", "maximum",
    ]

    private static func checkSchema(_ schema: JSONValue) throws {
        let members = try schema.object ?? { throw Violation("a schema is no object") }()
        for name in members.keys { try demand(keywords.contains(name), "Unknown name \"\(name)\" in a schema") }
        try demand(members["type"] == nil || members["type"]?.string != nil, "a schema's type is no string")
        if members["type"] == "object" {
            try demand(
                members["properties"]?.object?.isEmpty == false, "properties should be non-empty for OBJECT type")
        }
        for value in members["enum"]?.array ?? [] { try demand(value.string != nil, "an enum value is no string") }
        for property in members["properties"]?.object?.values.map({ $0 }) ?? [] { try checkSchema(property) }
        for name in members["required"]?.array ?? [] {
            try demand(members["properties"]?[name.string ?? ""] != nil, "required names an unknown property")
        }
        if let items = members["items"] { try checkSchema(items) }
        for branch in members["anyOf"]?.array ?? [] { try checkSchema(branch) }
    }

    static func body(of turn: ScriptedTurn, for request: ScriptedRequest) -> String {
        var parts: [JSONValue] = turn.isEmpty ? [] : [["text": "Thinking about it.", "thought": true]]
        parts += (request.streaming ? pieces(turn.text) : turn.text.isEmpty ? [] : [turn.text]).map {
            ["text": .string($0)]
        }
        if turn.ending == .garbledCall {
            parts = []
        } else {
            parts += turn.calls.enumerated().map { index, call in part(call, index, request) }
        }
        let finish: JSONValue =
            switch turn.ending {
            case .stop: "STOP"
            case .length: "MAX_TOKENS"
            case .filtered: "SAFETY"
            case .garbledCall: "MALFORMED_FUNCTION_CALL"
            }
        guard request.streaming else { return response(parts, turn, request, finish).json }
        let responses =
            parts.map { response([$0], turn, request, nil) } + [response([], turn, request, finish)]
        return responses.map { "data: \($0.json)\r\n\r\n" }.joined()
    }

    private static func part(_ call: (name: String, arguments: String), _ index: Int, _ request: ScriptedRequest)
        -> JSONValue
    {
        var members: [String: JSONValue] = [
            "name": .string(call.name), "args": (try? JSONValue(json: call.arguments)) ?? [:],
        ]
        if isStrict(request.model) { members["id"] = .string("call_\(request.turn + 1)_\(index + 1)") }
        var part: [String: JSONValue] = ["functionCall": .object(members)]
        if index == 0 { part["thoughtSignature"] = .string(signature(.object(members))) }
        return .object(part)
    }

    private static func response(
        _ parts: [JSONValue], _ turn: ScriptedTurn, _ request: ScriptedRequest, _ finish: JSONValue?
    ) -> JSONValue {
        var candidate: [String: JSONValue] = ["index": 0, "content": ["role": "model", "parts": .array(parts)]]
        if parts.isEmpty { candidate["content"] = ["role": "model"] }
        candidate["finishReason"] = finish
        let thoughts = turn.usage.outputTokens / 4
        return [
            "candidates": turn.isEmpty ? [] : [.object(candidate)],
            "modelVersion": .string(request.model + "-scripted"),
            "usageMetadata": [
                "promptTokenCount": .integer(Int64(turn.usage.inputTokens)),
                "cachedContentTokenCount": .integer(Int64(turn.usage.cachedInputTokens)),
                "candidatesTokenCount": .integer(Int64(turn.usage.outputTokens - thoughts)),
                "thoughtsTokenCount": .integer(Int64(thoughts)),
            ],
        ]
    }
}
