import LanguageModels
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5)))
struct TextProtocolModelTests {
    private static let plan = ToolDefinition(
        name: "record_plan", description: "Records the plan.",
        parameters: ["type": "object", "properties": ["steps": ["type": "array", "items": ["type": "string"]]]])

    /// What the model asks for when it writes this text.
    private func calls(_ text: String, tools: [ToolDefinition] = [.bashTool, .submitTool]) async throws -> [ToolCall] {
        try await withScriptedProvider { _ in
            .turn(text: text)
        } body: { provider in
            let model = try Wire(api: .chat, streaming: true).model(of: provider) { $0.textProtocol = true }
            let reply = try await model.reply(to: .conversation([.user("Go.")], tools: tools))
            #expect(reply.turn.text == text)
            return reply.turn.toolCalls
        }
    }

    @Test(arguments: [
        ("I look.\n\n```bash\nls -l\n```\n", "ls -l"),
        ("```sh\nls\n```", "ls"),
        ("```bash\ncat <<'EOF'\n\n  two\nEOF\n```", "cat <<'EOF'\n\n  two\nEOF"),
        ("Before:\n```python\nprint()\n```\nthen\n```bash\nls\n```", "ls"),
        (
            "````bash\ncat > README.md <<'EOF'\n```bash\nls\n```\nEOF\n````",
            "cat > README.md <<'EOF'\n```bash\nls\n```\nEOF"
        ),
        ("```bash\r\nls\r\n```", "ls"),
        ("```bash\nsubmitted=1\n```", "submitted=1"),
    ])
    func aBlockIsACommand(_ text: String, _ command: String) async throws {
        let calls = try await calls(text)
        #expect(calls.map(\.name) == ["bash"])
        #expect(calls.map(\.arguments) == [.object(["command": .string(command)])])
        #expect(calls.first?.id.isEmpty == false)
    }

    @Test(arguments: [
        "No block at all.", "```bash\nls\n```\nand\n```bash\npwd\n```", "```bash\nls", "```python\nprint()\n```",
        "```json\n{\"steps\": []}\n```", "```json\n{\"tool\": \n```", "Say `bash` or ```bash``` here.",
        "````\n```bash\nls\n```\n````",
    ])
    func otherThanOneBlockIsNone(_ text: String) async throws {
        #expect(try await calls(text).isEmpty)
    }

    @Test func submits() async throws {
        let calls = try await calls("All done.\n```bash\nsubmit \"Fixed the off-by-one error.\"\n```")
        #expect(calls.map(\.name) == ["submit"])
        #expect(calls.map(\.arguments) == [.object(["summary": "Fixed the off-by-one error."])])
        let notOffered = try await self.calls("```bash\nsubmit x\n```", tools: [.bashTool])
        #expect(notOffered.map(\.name) == ["bash"])
    }

    @Test func callsAnyToolAsJSON() async throws {
        let calls = try await calls(
            "```json\n{\"tool\": \"record_plan\", \"arguments\": {\"steps\": [\"a\", \"b\"]}}\n```",
            tools: [.bashTool, Self.plan])
        #expect(calls.map(\.name) == ["record_plan"])
        #expect(calls.map(\.arguments) == [.object(["steps": ["a", "b"]])])
    }

    @Test func writesTheConversationAsText() async throws {
        let written = ToolCall(id: "1", name: "bash", arguments: .object(["command": "ls"]))
        let plan = ToolCall(id: "2", name: "record_plan", arguments: .object(["steps": []]))
        let fenced = ToolCall(id: "3", name: "bash", arguments: .object(["command": "echo '```'"]))
        let messages: [Message] = [
            .user("Go."),
            .assistant(AssistantTurn(text: "I look.\n```bash\nls\n```", toolCalls: [written])),
            .toolResults([ToolResult(callID: "1", name: "bash", content: "a.txt")]),
            .assistant(AssistantTurn(text: "A plan.", toolCalls: [plan, fenced])),
            .toolResults([
                ToolResult(callID: "2", name: "record_plan", content: "ok"),
                ToolResult(callID: "3", name: "bash", content: "boom", isError: true),
            ]),
        ]
        for wire in Wire.allCases where wire.streaming {
            try await withScriptedProvider(foreignTurns: true) { _ in
                .turn(text: "```bash\nls\n```")
            } body: { provider in
                let model = try wire.model(of: provider) { $0.textProtocol = true }
                #expect(model.capabilities.toolCalling)
                let request = ModelRequest.conversation(messages, tools: [.bashTool, .submitTool, Self.plan])
                let deltas = Deltas()
                let reply = try await model.reply(to: request, onDelta: deltas.add)
                #expect(!["1", "2", "3"].contains(reply.turn.toolCalls[0].id))
                #expect(deltas.toolNames == ["bash"])

                // The reply, its provider's state included, can be said again.
                let more = messages + [.assistant(reply.turn), .toolResults([])]
                _ = try await model.reply(to: .conversation(more, tools: [.bashTool]))
                #expect(await provider.violations == [])

                let asked = try #require(await provider.requests.first)
                #expect(asked.toolNames == [])
                #expect(asked.turn == 2)
                #expect(asked.system.hasPrefix("You are a programmer.\n\n"))
                for part in ["```bash\nCOMMAND\n```", "submit ", "- record_plan: Records the plan.", "\"tool\""] {
                    #expect(asked.system.contains(part))
                }
                #expect(asked.latest == "Result of record_plan:\n\nok\n\nError of bash:\n\nboom")
                guard wire.api == .chat else { return }
                #expect(
                    asked.body["messages"]?.array?.dropFirst().compactMap { $0["content"]?.string } == [
                        "Go.", "I look.\n```bash\nls\n```", "Result of bash:\n\na.txt",
                        """
                        A plan.

                        ```json
                        {"arguments":{"steps":[]},"tool":"record_plan"}
                        ```

                        ````bash
                        echo '```'
                        ````
                        """, "Result of record_plan:\n\nok\n\nError of bash:\n\nboom",
                    ])
            }
        }
    }

    @Test func aRequestWithoutToolsIsLeftAlone() async throws {
        try await withScriptedProvider { _ in
            .turn(text: "```bash\nls\n```")
        } body: { provider in
            let model = try Wire(api: .chat, streaming: false).model(of: provider) { $0.textProtocol = true }
            let reply = try await model.reply(to: .conversation([.user("Go.")], tools: []))
            #expect(reply.turn.toolCalls.isEmpty)
            #expect(await provider.requests.first?.system == "You are a programmer.")
        }
    }
}

extension ToolDefinition {
    fileprivate static var bashTool: ToolDefinition { ModelRequest.bash }
    fileprivate static var submitTool: ToolDefinition { ModelRequest.submit }
}
