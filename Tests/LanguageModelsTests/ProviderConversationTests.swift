import LanguageModels
import TestSupport
import Testing

/// What every provider does when all goes well, and when a model is sloppy. The scripted provider refuses a request that
/// breaks a rule of its API, so that a conversation that goes on is right.
@Suite(.timeLimit(.minutes(5)))
struct ProviderConversationTests {
    @Test(arguments: Wire.allCases)
    func callsToolsOverSeveralTurns(_ wire: Wire) async throws {
        try await withScriptedProvider { request in
            switch request.turn {
            case 0: .turn(text: "I look around.", calls: [("bash", ["command": "ls"]), ("bash", ["command": "pwd"])])
            case 1: .turn(calls: [("bash", ["command": "cat a"])])
            case 2:
                .turn(
                    text: "Well “done” 🎉.", usage: TokenUsage(inputTokens: 300, cachedInputTokens: 200, outputTokens: 8)
                )
            default: .status(500)
            }
        } body: { provider in
            let model = try wire.model(of: provider)
            var messages: [Message] = [.user("List the files.")]

            let deltas = Deltas()
            let first = try await model.reply(to: .conversation(messages), onDelta: deltas.add)
            #expect(first.turn.text == "I look around.")
            #expect(first.turn.toolCalls.map(\.name) == ["bash", "bash"])
            #expect(
                first.turn.toolCalls.map(\.arguments) == [["command": "ls"], ["command": "pwd"]].map { .object($0) })
            #expect(Set(first.turn.toolCalls.map(\.id)).count == 2)
            #expect(first.finish == .stop)
            #expect(first.usage == TokenUsage(inputTokens: 100, cachedInputTokens: 40, outputTokens: 20))
            #expect(first.model == wire.reportedModel)
            #expect(deltas.text == "I look around.")
            #expect(deltas.toolNames == ["bash", "bash"])
            #expect((deltas.all.count > 3) == wire.streaming)

            messages.append(.assistant(first.turn))
            messages.append(
                .toolResults([
                    ToolResult(callID: first.turn.toolCalls[0].id, name: "bash", content: "a\nb"),
                    ToolResult(callID: first.turn.toolCalls[1].id, name: "bash", content: "no", isError: true),
                ]))
            let second = try await model.reply(to: .conversation(messages))
            #expect(second.turn.text == "")
            let ids = (first.turn.toolCalls + second.turn.toolCalls).map(\.id)
            #expect(Set(ids).count == 3)

            messages.append(.assistant(second.turn))
            messages.append(.toolResults([ToolResult(callID: second.turn.toolCalls[0].id, name: "bash", content: "…")]))
            let third = try await model.reply(to: .conversation(messages))
            #expect(third.turn.text == "Well “done” 🎉.")
            #expect(third.turn.toolCalls.isEmpty)
            #expect(third.usage == TokenUsage(inputTokens: 300, cachedInputTokens: 200, outputTokens: 8))

            #expect(await provider.violations == [])
            let requests = await provider.requests
            #expect(requests.map(\.turn) == [0, 1, 2])
            #expect(requests.map(\.latest) == ["List the files.", "a\nb\nno", "…"])
            #expect(requests.allSatisfy { $0.api == wire.api && $0.streaming == wire.streaming })
            #expect(requests.allSatisfy { $0.system == "You are a programmer." && $0.toolNames == ["bash", "submit"] })
        }
    }

    @Test(arguments: Wire.allCases)
    func passesOnHowToSample(_ wire: Wire) async throws {
        try await withScriptedProvider { _ in
            .turn(text: "Fine.")
        } body: { provider in
            let model = try wire.model(of: provider)
            _ = try await model.reply(to: .question)
            var request = ModelRequest.question
            (request.temperature, request.topP) = (0.25, 0.75)
            _ = try await model.reply(to: request)
            let bodies = await provider.requests.map { wire.api == .gemini ? $0.body["generationConfig"] : $0.body }
            let topP = wire.api == .gemini ? "topP" : "top_p"
            #expect(bodies.map { $0?["temperature"] } == [nil, .number(0.25)])
            #expect(bodies.map { $0?[topP] } == [nil, .number(0.75)])

            request.repetitionPenalty = 1.5
            if wire.api == .chat {
                _ = try await model.reply(to: request)
                #expect(await provider.requests.last?.body["repetition_penalty"] == .number(1.5))
            } else {
                let error = try await failure(of: model, request)
                #expect(error.kind == .invalidRequest)
                #expect(error.message.contains("MODEL_REPETITION_PENALTY"))
            }
        }
    }

    /// A task may change its model, and a journal keeps turns as JSON.
    @Test(arguments: Wire.allCases)
    func takesTurnsOfOtherProviders(_ wire: Wire) async throws {
        try await withScriptedProvider(foreignTurns: true) { request in
            request.turn == 0
                ? .turn(text: "I look.", calls: [("bash", ["command": "ls"]), ("bash", ["command": "pwd"])])
                : .turn(text: "Fine.")
        } body: { provider in
            for other in Wire.allCases where other.streaming {
                let turn = try await other.model(of: provider).reply(to: .question).turn
                let results = turn.toolCalls.map { ToolResult(callID: $0.id, name: $0.name, content: "ok") }
                let request = ModelRequest.conversation([.user("Go."), .assistant(turn), .toolResults(results)])
                #expect(try await wire.model(of: provider).reply(to: request).turn.text == "Fine.")
            }
            #expect(await provider.violations == [])
        }
    }

    @Test(arguments: ["gemini/gemini-2.5-pro", "gemini/gemini-3-flash-preview"])
    func knowsWhichGeminiGivesIDs(_ name: String) async throws {
        try await withScriptedProvider { request in
            request.turn < 2 ? .turn(calls: [("bash", ["command": "ls"]), ("submit", [:])]) : .turn(text: "Fine.")
        } body: { provider in
            let model = try ModelCatalog(settings: provider.settings, client: provider.client).model(named: name)
            var messages: [Message] = [.user("Go.")]
            var ids: [String] = []
            for _ in 0..<2 {
                let turn = try await model.reply(to: .conversation(messages)).turn
                ids += turn.toolCalls.map(\.id)
                let results = turn.toolCalls.map { ToolResult(callID: $0.id, name: $0.name, content: "ok") }
                messages += [.assistant(turn), .toolResults(results)]
            }
            #expect(try await model.reply(to: .conversation(messages)).turn.text == "Fine.")
            #expect(Set(ids).count == 4)
            #expect(await provider.violations == [])
        }
    }

    @Test(arguments: Wire.allCases)
    func answersEveryCallWhateverTheConversationLacks(_ wire: Wire) async throws {
        try await withScriptedProvider { request in
            request.turn == 0
                ? .turn(calls: [("bash", ["command": "1"]), ("bash", ["command": "2"])]) : .turn(text: "Fine.")
        } body: { provider in
            let model = try wire.model(of: provider)
            let turn = try await model.reply(to: .question).turn
            let second = ToolResult(callID: turn.toolCalls[1].id, name: "bash", content: "two")
            let silent = AssistantTurn(text: "")
            for messages: [Message] in [
                [.user("Go."), .assistant(turn), .toolResults([second])],
                [.user("Go."), .assistant(turn)],
                [.user("Go."), .assistant(turn), .user("Your answer was cut off.")],
                [.user("Go."), .assistant(silent), .user("Well?")],
                [.user("Go."), .user("Well?")],
            ] {
                #expect(try await model.reply(to: .conversation(messages)).finish == .stop)
            }
            #expect(await provider.violations == [])
            let latest = await provider.requests.map(\.latest).dropFirst()
            #expect(
                latest.prefix(2) == ["This call was not run.\ntwo", "This call was not run.\nThis call was not run."])
            #expect(latest.suffix(2) == ["Go.\n\nWell?", "Go.\n\nWell?"])
        }
    }

    @Test(arguments: Wire.allCases)
    func refusesConversationsThatMakeNoSense(_ wire: Wire) async throws {
        try await withScriptedProvider { _ in
            .turn(text: "Never said.")
        } body: { provider in
            let model = try wire.model(of: provider)
            let said = AssistantTurn(text: "Hello.")
            for messages: [Message] in [
                [],
                [.user("Go."), .assistant(said)],
                [.user("Go."), .assistant(said), .assistant(said), .user("Well?")],
                [.user("Go."), .toolResults([ToolResult(callID: "x", name: "bash", content: "")])],
                [.user("Go."), .assistant(said), .toolResults([ToolResult(callID: "x", name: "bash", content: "")])],
            ] {
                let error = try await failure(of: model, .conversation(messages))
                #expect(error.kind == .invalidRequest)
            }
            #expect(await provider.requests.isEmpty)
        }
    }

    @Test(arguments: Wire.allCases)
    func passesUnknownToolsOn(_ wire: Wire) async throws {
        try await withScriptedProvider { request in
            request.turn == 0 ? .turn(calls: [("rm_rf", ["path": "/"])]) : .turn(text: "Sorry.")
        } body: { provider in
            let model = try wire.model(of: provider)
            let turn = try await model.reply(to: .question).turn
            #expect(turn.toolCalls.map(\.name) == ["rm_rf"])
            let result = ToolResult(callID: turn.toolCalls[0].id, name: "rm_rf", content: "no such tool", isError: true)
            let reply = try await model.reply(
                to: .conversation([.user("Go."), .assistant(turn), .toolResults([result])]))
            #expect(reply.turn.text == "Sorry.")
        }
    }

    @Test(arguments: Wire.allCases)
    func keepsMalformedArguments(_ wire: Wire) async throws {
        try await withScriptedProvider { request in
            request.turn == 0 ? .malformedArguments(name: "bash", text: #"{"command": "ls"#) : .turn(text: "Sorry.")
        } body: { provider in
            let model = try wire.model(of: provider)
            guard wire.api != .gemini else {
                #expect(try await failure(of: model).kind == .malformedReply)
                return
            }
            let turn = try await model.reply(to: .question).turn
            #expect(turn.toolCalls.map(\.arguments) == [.malformed(#"{"command": "ls"#)])
            let result = ToolResult(callID: turn.toolCalls[0].id, name: "bash", content: "malformed", isError: true)
            let reply = try await model.reply(
                to: .conversation([.user("Go."), .assistant(turn), .toolResults([result])]))
            #expect(reply.turn.text == "Sorry.")
            #expect(await provider.violations == [])
        }
    }

    @Test(arguments: Wire.allCases)
    func saysWhyAnAnswerIsIncomplete(_ wire: Wire) async throws {
        try await withScriptedProvider { request in
            request.latest == "Write." ? .truncated(text: "It was a dark and") : .filtered(text: "How to")
        } body: { provider in
            let model = try wire.model(of: provider)
            let cut = try await model.reply(to: .conversation([.user("Write.")]))
            #expect(cut.finish == .length)
            #expect(cut.turn.text == "It was a dark and")
            let withheld = try await model.reply(to: .conversation([.user("Tell.")]))
            #expect(withheld.finish == .contentFilter)
            let more: [Message] = [.user("Write."), .assistant(cut.turn), .user("Write.")]
            #expect(try await model.reply(to: .conversation(more)).finish == .length)
        }
    }

    /// A model that thinks up to its limit: the reasoning has no successor, without which the API refuses it.
    @Test(arguments: Wire.allCases)
    func goesOnAfterReasoningThatWasCutOff(_ wire: Wire) async throws {
        try await withScriptedProvider { request in
            request.latest.hasSuffix("Shorter.") ? .turn(text: "Yes.") : .truncated(text: "")
        } body: { provider in
            let model = try wire.model(of: provider)
            let cut = try await model.reply(to: .question)
            #expect(cut.finish == .length)
            let more: [Message] = [.user("Go."), .assistant(cut.turn), .user("Shorter.")]
            #expect(try await model.reply(to: .conversation(more)).turn.text == "Yes.")
            #expect(await provider.violations == [])
        }
    }

    @Test func leavesOutReasoningThatLedNowhere() async throws {
        let output: JSONValue = [
            ["type": "reasoning", "id": "rs_scripted_1", "encrypted_content": "sealed rs_scripted_1"],
            [
                "type": "message", "id": "item_scripted_1_0", "role": "assistant",
                "content": [["type": "output_text", "text": "I think"]],
            ],
            ["type": "reasoning", "id": "rs_scripted_1", "encrypted_content": "sealed rs_scripted_1"],
        ]
        let cut: JSONValue = [
            "status": "incomplete", "incomplete_details": ["reason": "max_output_tokens"], "output": output,
        ]
        try await withScriptedProvider {
            $0.turn == 0 ? .json(cut.json) : .turn(text: "Yes.")
        } body: { provider in
            let model = try Wire(api: .responses, streaming: false).model(of: provider)
            let turn = try await model.reply(to: .question).turn
            #expect(turn.text == "I think")
            let more: [Message] = [.user("Go."), .assistant(turn), .user("Shorter.")]
            #expect(try await model.reply(to: .conversation(more)).turn.text == "Yes.")
            #expect(await provider.violations == [])
        }
    }

    @Test func sendsEqualRequestsAsEqualBytes() async throws {
        try await withScriptedProvider(foreignTurns: true) { _ in
            .turn(text: "Fine.")
        } body: { provider in
            let call = ToolCall(
                id: "1", name: "bash",
                arguments: .object(Dictionary(uniqueKeysWithValues: (0..<20).map { ("argument \($0)", .integer($0)) })))
            for wire in Wire.allCases where wire.streaming {
                for _ in 0..<3 {
                    let turn = AssistantTurn(text: "", toolCalls: [call])
                    _ = try await wire.model(of: provider).reply(to: .conversation([.user("Go."), .assistant(turn)]))
                }
            }
            for (_, requests) in Dictionary(grouping: await provider.requests, by: \.api) {
                #expect(Set(requests.map(\.body)).count == 1)
            }
        }
    }
}
