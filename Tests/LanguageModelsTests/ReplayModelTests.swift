import Foundation
import LanguageModels
import Testing

struct ReplayModelTests {
    @Test func givesTheRecordedReplies() async throws {
        let file = try TemporaryFile(
            """
            {"type":"task_started","payload":{"goal":"x"}}
            {"conversation":"planner","reply":{"text":"A plan.","tool_calls":[{"id":"p","name":"record_plan","arguments":{"steps":["a"]}}]}}

            {"seq":3,"payload":{"name":"model call","outcome":{"conversation":"programmer","reply":{"text":"First."}}}}
            {"outcome":{"conversation":"programmer","reply":{"tool_calls":[{"id":"1","name":"bash","arguments":"{\\"com"}],"finish":"length","usage":{"input_tokens":7},"model":"gpt"}}}
            {"outcome":{"exit_code":0},"payload":{"outcome":"ok"}}
            {"conversation":"programmer","messages":[]}
            """)
        let model = try ReplayModel(file: file.url)
        #expect(model.name == "replay/\(file.url.lastPathComponent)")
        #expect(model.capabilities.toolCalling)

        let deltas = Deltas()
        var request = ModelRequest(conversation: "planner", system: "", messages: [.user("Go.")])
        let plan = try await model.reply(to: request, onDelta: deltas.add)
        #expect(plan.turn.toolCalls[0].arguments == .object(["steps": ["a"]]))
        #expect(deltas.all == [.text("A plan."), .toolCall(name: "record_plan")])

        request.conversation = "programmer"
        let first = try await model.reply(to: request)
        #expect(first.turn == AssistantTurn(text: "First."))
        #expect(first.finish == .stop)
        #expect(first.usage == TokenUsage())

        request.messages += [.assistant(first.turn), .user("Go on.")]
        let second = try await model.reply(to: request)
        #expect(second.turn.toolCalls == [ToolCall(id: "1", name: "bash", arguments: .malformed(#"{"com"#))])
        #expect(second.finish == .length)
        #expect(second.usage.inputTokens == 7)
        #expect(second.model == "gpt")
        // It keeps no state: the same request, the same reply.
        #expect(try await model.reply(to: request) == second)

        request.messages += [.assistant(second.turn), .toolResults([])]
        let error = try await failure(of: model, request)
        #expect(error.kind == .replayExhausted)
        #expect(error.message.contains("holds 2 replies of the conversation “programmer”, and reply 3 was asked for"))
        request.conversation = "reviewer"
        #expect(try await failure(of: model, request).kind == .replayExhausted)
    }

    @Test(arguments: [
        ("{\"conversation\":\"a\",\"reply\":{}}\n{\"conversation\":", "line 2"),
        ("\n{\"conversation\":\"a\",\"reply\":{\"finish\":\"bored\"}}", "line 2"),
        ("{\"conversation\":\"a\",\"reply\":{\"tool_calls\":[{\"id\":\"1\"}]}}", "reply.tool_calls.0.name is missing"),
        ("[1]", "line 1"),
        ("{\"outcome\":{\"conversation\":\"a\",\"reply\":7}}", "line 1"),
        ("", "holds no reply"),
    ])
    func saysWhatIsWrongWithAFile(_ text: String, _ complaint: String) throws {
        let file = try TemporaryFile(text)
        let error = try #require(throws: ReplayFileError.self) { try ReplayModel(file: file.url) }
        #expect(error.message.contains(complaint), "\(error)")
        #expect(!error.message.contains("\n"))
    }

    @Test func saysThatAFileIsMissing() throws {
        let error = try #require(throws: ReplayFileError.self) {
            try ReplayModel(file: URL(filePath: "/nowhere/at/all.jsonl"))
        }
        #expect(error.message.contains("/nowhere/at/all.jsonl"))
    }
}

/// A file that is gone after the test.
final class TemporaryFile: Sendable {
    let url: URL

    init(_ text: String) throws {
        url = FileManager.default.temporaryDirectory.appending(path: "models-\(UUID().uuidString).jsonl")
        try Data(text.utf8).write(to: url)
    }

    deinit { try? FileManager.default.removeItem(at: url) }
}
