import LanguageModels
import TestSupport
import Testing

/// What servers other than OpenAI's make of Chat Completions.
@Suite(.timeLimit(.minutes(5)))
struct CompatibleServerTests {
    private func reply(
        _ reply: ScriptedReply, to request: ModelRequest = .question
    ) async throws -> ModelReply {
        try await withScriptedProvider { _ in
            reply
        } body: { provider in
            try await Wire(api: .chat, streaming: true).model(of: provider).reply(to: request)
        }
    }

    @Test func readsEventsInWhateverPieces() async throws {
        let stream =
            "\u{FEFF}: a comment\r\n\r\nid: 1\r\nretry: 10\r\ndata: {\"choices\":\r\ndata:[{\"delta\":{\"content\":\"Grüße\"}}]}\r\n\r\n"
            + "data:{\"choices\":[{\"delta\":{\"content\":\" 🎉\"},\"finish_reason\":\"stop\"}]}\r\rdata: [DONE]\n\n"
        for pieceBytes in [1, 2, 3, 7, 1000] {
            let reply = try await reply(.raw(stream, pieceBytes: pieceBytes))
            #expect(reply.turn.text == "Grüße 🎉")
            #expect(reply.model == "gpt-5.2")
        }
    }

    @Test func takesAStreamWithoutDone() async throws {
        let reply = try await reply(.raw(#"data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}"#))
        #expect(reply.turn.text == "Hi")
        #expect(reply.usage == TokenUsage())
    }

    @Test func takesPlainJSONForAStream() async throws {
        let reply = try await reply(
            .json(#"{"choices":[{"message":{"role":"assistant","content":"Hi"},"finish_reason":"length"}]}"#))
        #expect(reply.turn.text == "Hi")
        #expect(reply.finish == .length)
    }

    @Test(arguments: [
        // Pieces by index, as the API has it.
        """
        {"index":0,"id":"a","function":{"name":"bash","arguments":"{\\"command\\":"}}
        {"index":1,"id":"b","function":{"name":"bash","arguments":"{\\"command\\":"}}
        {"index":0,"function":{"arguments":"\\"ls\\"}"}}
        {"index":1,"function":{"arguments":"\\"pwd\\"}"}}
        """,
        // The index 0 for every call, or none.
        """
        {"index":0,"id":"a","function":{"name":"bash","arguments":"{\\"command\\":\\"ls\\"}"}}
        {"index":0,"id":"b","function":{"name":"bash","arguments":"{\\"command\\":\\"pwd\\"}"}}
        """,
        """
        {"id":"a","function":{"name":"bash","arguments":"{\\"command\\":\\"ls\\"}"}}
        {"id":"b","function":{"name":"bash","arguments":"{\\"command\\":\\"pwd\\"}"}}
        """,
        // No ids, and arguments that are no string.
        """
        {"function":{"name":"bash","arguments":{"command":"ls"}}}
        {"function":{"name":"bash","arguments":{"command":"pwd"}}}
        """,
        // The same id for all, and name and id in every piece.
        """
        {"index":0,"id":"a","function":{"name":"bash","arguments":"{\\"command\\":"}}
        {"index":0,"id":"a","function":{"name":"bash","arguments":"\\"ls\\"}"}}
        {"index":1,"id":"a","function":{"name":"bash","arguments":"{\\"command\\":\\"pwd\\"}"}}
        """,
    ])
    func putsCallsTogether(_ pieces: String) async throws {
        let chunks = pieces.split(separator: "\n").map { #"data: {"choices":[{"delta":{"tool_calls":[\#($0)]}}]}"# }
        let reply = try await reply(.raw(chunks.joined(separator: "\n\n") + "\n\ndata: [DONE]\n\n"))
        #expect(reply.turn.toolCalls.map(\.name) == ["bash", "bash"])
        #expect(reply.turn.toolCalls.map(\.arguments) == [.object(["command": "ls"]), .object(["command": "pwd"])])
        #expect(Set(reply.turn.toolCalls.map(\.id)).count == 2)
        #expect(reply.turn.toolCalls.allSatisfy { !$0.id.isEmpty })
    }

    @Test func givesNewIDsWhereTheServerRepeatsThem() async throws {
        let call = ToolCall(id: "call_0", name: "bash", arguments: .object([:]))
        let again = #"data: {"choices":[{"delta":{"tool_calls":[{"id":"call_0","function":{"name":"bash"}}]}}]}"#
        let reply = try await reply(
            .raw(again + "\n\ndata: [DONE]\n\n"),
            to: .conversation([.user("Go."), .assistant(AssistantTurn(text: "", toolCalls: [call]))]))
        #expect(reply.turn.toolCalls.map(\.id) != ["call_0"])
        #expect(reply.turn.toolCalls.map(\.arguments) == [.object([:])])
    }

    @Test func callsTheOutputLimitByTheNameTheServerKnows() async throws {
        try await withScriptedProvider { _ in
            .turn(text: "Fine.")
        } body: { provider in
            let http = ModelHTTPClient(client: provider.client)
            for limitsCompletion in [nil, true] {
                let model = OpenAIChatModel(
                    id: "m", baseURL: provider.url + "/v1", key: provider.settings.openAIKey, http: http,
                    limitsCompletion: limitsCompletion)
                _ = try await model.reply(to: .question)
            }
            let bodies = await provider.requests.map(\.body)
            #expect(bodies.map { $0["max_tokens"]?.integer } == [8192, nil])
            #expect(bodies.map { $0["max_completion_tokens"]?.integer } == [nil, 8192])
        }
    }

    @Test func needsNoKey() async throws {
        try await withScriptedProvider(key: nil) { _ in
            .turn(text: "Fine.")
        } body: { provider in
            let model = try ModelCatalog(settings: provider.settings, client: provider.client)
                .model(named: "openai-compatible/Qwen/Qwen3-8B:q4")
            #expect(model.name == "openai-compatible/Qwen/Qwen3-8B:q4")
            #expect(try await model.reply(to: .question).turn.text == "Fine.")
            #expect(await provider.requests.map(\.model) == ["Qwen/Qwen3-8B:q4"])
        }
    }

    @Test func modelsThatDoNotReasonAreNotAskedForTheirReasoning() async throws {
        try await withScriptedProvider { request in
            request.turn == 0 ? .turn(calls: [("bash", ["command": "ls"])]) : .turn(text: "Fine.")
        } body: { provider in
            var settings = provider.settings
            settings.openAIAPI = .responses
            let model = try ModelCatalog(settings: settings, client: provider.client).model(named: "ops-4.5")
            let turn = try await model.reply(to: .question).turn
            let request = ModelRequest.conversation([.user("Go."), .assistant(turn)])
            #expect(try await model.reply(to: request).turn.text == "Fine.")
            #expect(await provider.violations == [])
        }
    }

    @Test func schemasArePrunedForGemini() async throws {
        let schema: JSONValue = [
            "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
            "properties": [
                "path": ["type": ["string", "null"], "format": "path", "examples": ["a"]],
                "mode": ["const": "fast"],
                "level": ["type": "integer", "enum": [1, 2], "exclusiveMinimum": 0],
                "lines": ["type": "array", "items": ["oneOf": [["type": "integer"], ["type": "string"]]]],
                "type": ["type": "string", "description": "A property named like a keyword."],
                "other": ["$ref": "#/$defs/other"],
            ],
            "required": ["path", "other"], "$defs": ["other": ["type": "string"]],
        ]
        try await withScriptedProvider { _ in
            .turn(text: "Fine.")
        } body: { provider in
            let tools = [
                ToolDefinition(name: "edit", description: "", parameters: schema),
                ToolDefinition(name: "stop", description: "", parameters: ["type": "object", "properties": [:]]),
            ]
            let model = try Wire(api: .gemini, streaming: true).model(of: provider)
            _ = try await model.reply(to: .conversation([.user("Go.")], tools: tools))
            #expect(await provider.violations == [])
            let body = try #require(await provider.requests.first?.body)
            let functions = body["tools"]?.array?.first?["functionDeclarations"]?.array
            #expect(functions?.last?["parameters"] == nil)
            let expected: JSONValue = [
                "type": "object",
                "properties": [
                    "path": ["type": "string", "nullable": true],
                    "mode": ["enum": ["fast"]],
                    "level": ["type": "integer"],
                    "lines": ["type": "array", "items": ["anyOf": [["type": "integer"], ["type": "string"]]]],
                    "type": ["type": "string", "description": "A property named like a keyword."],
                ],
                "required": ["path"],
            ]
            #expect(functions?.first?["parameters"] == expected)
        }
    }
}
