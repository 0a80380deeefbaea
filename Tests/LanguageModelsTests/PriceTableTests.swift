import Foundation
import LanguageModels
import Testing

struct PriceTableTests {
    private let million = TokenUsage(inputTokens: 1_000_000, cachedInputTokens: 400_000, outputTokens: 1_000_000)

    @Test(arguments: [
        ("gpt-4.1", 2.0), ("openai/gpt-4.1", 2), ("gpt-4.1-2025-04-14", 2), ("gpt-4.1-mini-2025-04-14", 0.4),
        ("gpt-4-0613", 30), ("gpt-5.2-pro-2026-01-01", 21), ("gemini/gemini-2.5-pro", 1.25),
        ("models/gemini-2.5-flash-lite", 0.1), ("gemini-3-pro-preview", 2),
    ])
    func theLongestEntryWins(_ model: String, _ input: Double) {
        #expect(PriceTable.builtIn.price(of: model)?.input == input)
    }

    @Test(arguments: [
        "gpt-4.2", "gpt-4oo", "gpt", "", "claude", "openai-compatible/gpt-4.1", "replay/gpt-4.1", "gpt-51", "vendor/o3",
    ])
    func anUnknownModelHasNoPrice(_ model: String) {
        #expect(PriceTable.builtIn.price(of: model) == nil)
        #expect(PriceTable.builtIn.cost(of: million, model: model) == nil)
        #expect(PriceTable.builtIn.reserve(for: .question, model: model) == nil)
    }

    @Test func cachedTokensHaveTheirOwnPrice() throws {
        let cost = try #require(PriceTable.builtIn.cost(of: million, model: "gpt-4.1"))
        #expect(abs(cost - (0.6 * 2 + 0.4 * 0.5 + 8)) < 1e-9)
        // Without a price of their own, they cost what all input costs.
        let pro = try #require(PriceTable.builtIn.cost(of: million, model: "gpt-5-pro"))
        #expect(abs(pro - (15 + 120)) < 1e-9)
    }

    @Test func longPromptsCostMore() throws {
        let table = PriceTable.builtIn
        let short = TokenUsage(inputTokens: 200_000, outputTokens: 1000)
        let long = TokenUsage(inputTokens: 200_001, outputTokens: 1000)
        #expect(abs(try #require(table.cost(of: short, model: "gemini-2.5-pro")) - (0.2 * 1.25 + 0.01)) < 1e-9)
        #expect(abs(try #require(table.cost(of: long, model: "gemini-2.5-pro")) - (0.200001 * 2.5 + 0.015)) < 1e-9)
    }

    @Test func aFileOverridesAndExtends() throws {
        let file = try TemporaryFile(
            """
            {"gpt-4.1": {"input": 1, "output": 3}, "openai-compatible/qwen3": {"input": 0, "output": 0}}
            """)
        let table = try PriceTable(file: file.url)
        #expect(table.price(of: "gpt-4.1") == ModelPrice(input: 1, cachedInput: 1, output: 3))
        #expect(table.cost(of: million, model: "openai-compatible/qwen3:8b") == 0)
        #expect(table.price(of: "gpt-4o")?.input == 2.5)
    }

    @Test(arguments: [
        ("{\"m\": {\"input\": 1}}", "m.output is missing"), ("{\"m\": {\"input\": \"1\", \"output\": 1}}", "m.input"),
        ("{\"m\": {\"input\": -1, \"output\": 1}}", "m.input is malformed"), ("[]", "write {\"MODEL\""),
        ("{", "malformed"),
    ])
    func saysWhatIsWrongWithAFile(_ text: String, _ complaint: String) throws {
        let file = try TemporaryFile(text)
        let error = try #require(throws: PriceFileError.self) { try PriceTable(file: file.url) }
        #expect(error.message.contains(complaint), "\(error)")
        #expect(!error.message.contains("\n"))
    }

    @Test func reservesForTheWholeRequest() throws {
        let table = PriceTable(["m": ModelPrice(input: 1_000_000, output: 0)])
        func tokens(_ messages: [Message], tools: [ToolDefinition] = []) throws -> Double {
            let request = ModelRequest(conversation: "", system: "", messages: messages, tools: tools)
            return try #require(table.reserve(for: request, model: "m"))
        }
        let text = String(repeating: "x", count: 30_000)
        let call = ToolCall(id: "", name: "", arguments: .object(["command": .string(text)]))
        for message: Message in [
            .user(text), .assistant(AssistantTurn(text: text)), .assistant(AssistantTurn(text: "", toolCalls: [call])),
            .assistant(AssistantTurn(text: "", providerState: [["text": .string(text)]])),
            .toolResults([ToolResult(callID: "", name: "", content: text)]),
        ] {
            let estimate = try tokens([message])
            #expect(estimate >= 10_000 && estimate < 10_100, "\(estimate)")
        }
        #expect(try tokens([], tools: [ToolDefinition(name: "", description: text, parameters: [:])]) >= 10_000)

        let output = PriceTable(["m": ModelPrice(input: 0, output: 1)])
        var request = ModelRequest.question
        request.maxOutputTokens = 500_000
        #expect(output.reserve(for: request, model: "m") == 0.5)
    }
}
