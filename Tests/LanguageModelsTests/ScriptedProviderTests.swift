import AsyncHTTPClient
import LanguageModels
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

/// The scripted provider itself: what the real APIs refuse, it must refuse.
@Suite(.timeLimit(.minutes(5)))
struct ScriptedProviderTests {
    struct Breach: Sendable, CustomTestStringConvertible {
        let path: String
        let body: String
        let reason: String
        var foreignTurns = true
        var testDescription: String { reason }
    }

    private static func chat(_ messages: String, _ reason: String) -> Breach {
        Breach(
            path: "/v1/chat/completions", body: #"{"model":"m","max_tokens":9,"messages":[\#(messages)]}"#,
            reason: reason)
    }

    private static func responses(_ input: String, _ reason: String) -> Breach {
        Breach(
            path: "/v1/responses",
            body: #"""
                {"model":"gpt-5","max_output_tokens":9,"store":false,"include":["reasoning.encrypted_content"],
                "input":[\#(input)]}
                """#, reason: reason)
    }

    private static func gemini(_ contents: String, tools: String = "[]", _ reason: String) -> Breach {
        Breach(
            path: "/v1beta/models/gemini-3-pro:generateContent",
            body: #"{"generationConfig":{"maxOutputTokens":9},"tools":\#(tools),"contents":[\#(contents)]}"#,
            reason: reason)
    }

    private static let user = #"{"role":"user","content":"Go."}"#
    private static let call =
        #"{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}"#
    private static let result = #"{"role":"tool","tool_call_id":"a","content":"x"}"#
    private static let item = #"{"type":"function_call","call_id":"a","name":"f","arguments":"{}"}"#
    private static let output = #"{"type":"function_call_output","call_id":"a","output":"x"}"#
    private static let text = #"{"role":"user","parts":[{"text":"Go."}]}"#
    private static let response = #"{"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}}]}"#
    private static let signed =
        #"{"role":"model","parts":[{"functionCall":{"name":"f"},"thoughtSignature":"skip_thought_signature_validator"}]}"#

    /// Wrong only where turns of other models are not allowed.
    private static let foreign = [
        responses("\(user),\(item),\(output)", "without its required reasoning item"),
        gemini("\(text),\(signed),\(response)", "missing a thought_signature"),
    ].map { Breach(path: $0.path, body: $0.body, reason: $0.reason, foreignTurns: false) }

    static let breaches: [Breach] =
        foreign + [
            chat("\(user),\(call)", "tool calls without answer"),
            chat("\(user),\(call),\(user)", "tool calls without answer"),
            chat("\(user),\(call),\(result),\(result)", "was answered before"),
            chat("\(user),\(result)", "not called"),
            chat("\(user),\(user)", "two user messages"),
            chat("\(user),{\"role\":\"assistant\",\"content\":\"\"},\(user)", "an empty assistant message"),
            chat("\(user),{\"role\":\"assistant\",\"content\":\"Hi.\"}", "the last message"),
            responses("\(user),\(item)", "tool calls without answer"),
            responses("\(user),\(item),\(output),\(output)", "was answered before"),
            responses(
                #"\#(user),{"type":"function_call","id":"item_scripted_1_1","call_id":"a","name":"f","arguments":"{}"},\#(output)"#,
                "without its required reasoning item"),
            responses(
                #"\#(user),{"type":"reasoning","id":"rs_scripted_1","encrypted_content":"x"},\#(user)"#, "the seal"),
            responses(
                #"\#(user),{"type":"reasoning","id":"rs_scripted_1","encrypted_content":"sealed rs_scripted_1"},\#(user)"#,
                "without the item that followed"),
            gemini("\(text),\(text)", "two contents of user"),
            gemini("\(text),\(signed),\(text)", "number of function response parts"),
            gemini("\(text),\(signed)", "the last content"),
            gemini("\(text),\(signed.replacing("skip_", with: "lose_")),\(response)", "missing a thought_signature"),
            gemini(
                text,
                tools:
                    #"[{"functionDeclarations":[{"name":"f","parameters":{"type":"object","additionalProperties":false}}]}]"#,
                "additionalProperties"),
            Breach(path: "/v1/chat/completions", body: "{", reason: "no JSON"),
            Breach(
                path: "/v1/chat/completions", body: #"{"model":"m","max_tokens":9,"stream":true,"messages":[]}"#,
                reason: "include_usage"),
            Breach(path: "/v1/models", body: "{}", reason: "nothing at"),
        ]

    private func post(
        _ provider: ScriptedProvider, _ path: String, _ body: String, headers: [(String, String)]
    ) async throws -> UInt {
        var request = HTTPClientRequest(url: provider.url + path)
        request.method = .POST
        request.headers.add(contentsOf: [("content-type", "application/json")] + headers)
        request.body = .bytes(ByteBuffer(string: body))
        return try await provider.client.execute(request, timeout: .seconds(30)).status.code
    }

    private func credentials(_ path: String, _ key: String) -> [(String, String)] {
        path.hasPrefix("/v1beta") ? [("x-goog-api-key", key)] : [("authorization", "Bearer \(key)")]
    }

    @Test(arguments: breaches)
    func refusesWhatTheAPIsRefuse(_ breach: Breach) async throws {
        try await withScriptedProvider(key: "the-key", foreignTurns: breach.foreignTurns) { _ in
            .turn(text: "Fine.")
        } body: { provider in
            let headers = credentials(breach.path, "the-key")
            let status = try await post(provider, breach.path, breach.body, headers: headers)
            #expect(status == 400)
            let violations = await provider.violations
            #expect(violations.count == 1 && violations[0].contains(breach.reason), "\(violations)")
            #expect(await provider.requests.isEmpty)
        }
    }

    @Test func takesTheSameWithoutTheBreach() async throws {
        try await withScriptedProvider(key: "the-key", foreignTurns: true) { _ in
            .turn(text: "Fine.")
        } body: { provider in
            for good in [Self.chat("\(Self.user),\(Self.call),\(Self.result)", "")] + Self.foreign {
                let headers = credentials(good.path, "the-key")
                let status = try await post(provider, good.path, good.body, headers: headers)
                #expect(status == 200)
            }
            #expect(await provider.violations == [])
        }
    }

    @Test func wantsTheKeyInItsHeaderAlone() async throws {
        let chat = Self.chat(Self.user, "")
        let gemini = Self.gemini(Self.text, "")
        let bearer = ("authorization", "Bearer the-key")
        let google = ("x-goog-api-key", "the-key")
        let wrong: [(path: String, body: String, headers: [(String, String)])] = [
            (chat.path, chat.body, []), (chat.path, chat.body, [("authorization", "Bearer x")]),
            (chat.path, chat.body, [google]), (chat.path, chat.body, [bearer, google]),
            (chat.path, chat.body, [bearer, ("x-trace", "the-key")]), (chat.path + "?key=the-key", chat.body, [bearer]),
            (chat.path, Self.chat(Self.user.replacing("Go.", with: "the-key"), "").body, [bearer]),
            (gemini.path, gemini.body, [bearer]), (gemini.path + "?key=the-key", gemini.body, [google]),
        ]
        try await withScriptedProvider(key: "the-key") { _ in
            .turn(text: "Fine.")
        } body: { provider in
            for request in wrong {
                let status = try await post(provider, request.path, request.body, headers: request.headers)
                #expect(status == 400)
            }
            #expect(await provider.violations.count == wrong.count)
        }
    }
}
