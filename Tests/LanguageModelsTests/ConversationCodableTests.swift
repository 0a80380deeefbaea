import Foundation
import LanguageModels
import Testing

struct ConversationCodableTests {
    private static let call = ToolCall(id: "call_1", name: "bash", arguments: .object(["command": "ls", "n": 3]))
    private static let broken = ToolCall(id: "call_2", name: "bash", arguments: .malformed("{"))

    @Test(arguments: [
        (Message.user("Go."), #"{"role":"user","text":"Go."}"#),
        (
            .assistant(AssistantTurn(text: "", toolCalls: [call, broken], providerState: ["a": nil])),
            """
            {"provider_state":{"a":null},"role":"assistant","text":"","tool_calls":\
            [{"arguments":{"command":"ls","n":3},"id":"call_1","name":"bash"},{"arguments":"{","id":"call_2","name":"bash"}]}
            """
        ),
        (.assistant(AssistantTurn(text: "Hi.")), #"{"role":"assistant","text":"Hi."}"#),
        (
            .toolResults([ToolResult(callID: "call_1", name: "bash", content: "a", isError: true)]),
            #"{"results":[{"call_id":"call_1","content":"a","is_error":true,"name":"bash"}],"role":"tool"}"#
        ),
    ])
    func messagesHaveReadableJSON(_ message: Message, _ json: String) throws {
        #expect(try encoded(message) == json)
        #expect(try JSONDecoder().decode(Message.self, from: Data(json.utf8)) == message)
    }

    @Test func repliesHaveReadableJSON() throws {
        let reply = ModelReply(
            turn: AssistantTurn(text: "Hi.", toolCalls: [Self.call]), finish: .contentFilter,
            usage: TokenUsage(inputTokens: 3, cachedInputTokens: 2, outputTokens: 1), model: "m")
        let json = """
            {"finish":"content_filter","model":"m","text":"Hi.",\
            "tool_calls":[{"arguments":{"command":"ls","n":3},"id":"call_1","name":"bash"}],\
            "usage":{"cached_input_tokens":2,"input_tokens":3,"output_tokens":1}}
            """
        #expect(try encoded(reply) == json)
        #expect(try JSONDecoder().decode(ModelReply.self, from: Data(json.utf8)) == reply)
    }

    @Test func whatIsAbsentHasADefault() throws {
        let reply = try JSONDecoder().decode(ModelReply.self, from: Data("{}".utf8))
        let expected = ModelReply(turn: AssistantTurn(text: ""), finish: .stop, usage: TokenUsage(), model: "")
        #expect(reply == expected)
        let result = try JSONDecoder().decode(ToolResult.self, from: Data(#"{"call_id":"1","name":"bash"}"#.utf8))
        #expect(result == ToolResult(callID: "1", name: "bash", content: ""))
    }

    @Test func requestsComeBackAsTheyWent() throws {
        let request = ModelRequest.conversation([
            .user("Go."), .assistant(AssistantTurn(text: "", toolCalls: [Self.call])),
        ])
        let json = try encoded(request)
        #expect(json.contains(#""max_output_tokens":8192"#))
        #expect(try JSONDecoder().decode(ModelRequest.self, from: Data(json.utf8)) == request)
    }

    private static let values: [(String, JSONValue)] = [
        ("null", nil), ("true", true), ("0", 0), ("1", 1), ("-7", -7),
        ("9007199254740993", 9_007_199_254_740_993),
        ("1.5", 1.5), ("1e300", 1e300), ("\"1\"", "1"), ("\"true\"", "true"), ("\"\"", ""),
        (#""\u0001\u001f\n\r\t\"\\é🎉""#, "\u{1}\u{1F}\n\r\t\"\\é🎉"), ("[]", []), ("{}", [:]),
        (#"[1,"a/b",null,{"ü":[false]}]"#, [1, "a/b", nil, ["ü": [false]]]),
    ]

    @Test(arguments: values)
    func valuesComeBackAsTheyWent(_ json: String, _ value: JSONValue) throws {
        #expect(try JSONValue(json: json) == value)
        #expect(try JSONValue(json: value.json) == value)
    }

    private func encoded(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
