import Foundation
import LanguageModels
import TestSupport
import Testing

/// A scripted model and a directory, for the tests of `swe-agent chat`.
struct ChatFixture: Sendable {
    let folder: String
    let provider: ScriptedProvider

    /// Runs `body` with a model that a script speaks for.
    static func with(
        script: @escaping @Sendable (ScriptedRequest) async -> ScriptedReply,
        _ body: (ChatFixture) async throws -> Void
    ) async throws {
        try await withFolder { folder in
            try await withScriptedProvider(script: script) { provider in
                try await body(ChatFixture(folder: folder, provider: provider))
                #expect(await provider.violations.isEmpty)
            }
        }
    }

    /// As ``with(script:_:)``, with these programs one after another, the last again and again.
    static func with(programs: [String], _ body: (ChatFixture) async throws -> Void) async throws {
        try await with(
            script: { request in .turn(text: Self.answer(programs[min(request.turn, programs.count - 1)])) }, body)
    }

    /// A program as models write it.
    static func answer(_ program: String) -> String { "Here it is:\n```python\n\(program)\n```\nThat does it." }

    func environment(_ more: [String: String] = [:]) -> [String: String] {
        [
            "MODEL_NAME": "openai-compatible/scripted", "OPENAI_BASE_URL": provider.url + "/v1",
            "OPENAI_API_KEY": "sk-scripted-0123456789", "SWE_AGENT_DATA": folder + "/data",
        ].merging(more) { $1 }
    }

    /// Does one task.
    func once(
        _ task: String = "Do it", _ arguments: [String] = [], environment more: [String: String] = [:]
    ) async throws -> (exitCode: Int, result: JSONValue) {
        let outcome = try await Program.run(
            ["chat", "--once", task, "--json"] + arguments, environment: environment(more), in: folder)
        let result = try #require(
            try? JSONDecoder().decode(JSONValue.self, from: Data(outcome.output.utf8)), "\(outcome)")
        return (outcome.exitCode, result)
    }

    /// Sits at a terminal with the chat.
    func chat(
        _ arguments: [String] = [], environment more: [String: String] = [:],
        size: (columns: Int, rows: Int)? = (80, 24), _ body: (PseudoTerminal) async throws -> Void
    ) async throws -> (exitCode: Int, terminal: PseudoTerminal) {
        let (exitCode, terminal) = try await PseudoTerminal.run(
            ["chat"] + arguments, environment: environment(more), in: folder, size: size, body)
        #expect(terminal.screen.unknown == [])
        return (exitCode, terminal)
    }
}
