import AsyncHTTPClient
import Foundation
import LanguageModels
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ModelCatalogTests {
    private let key = Secret("sk-topsecret")

    private func catalog(_ settings: ModelSettings) -> ModelCatalog {
        ModelCatalog(settings: settings, client: .shared)
    }

    private func complaint(_ name: String, _ settings: ModelSettings) throws -> String {
        let error = try #require(throws: ModelNameError.self) { try catalog(settings).validate(name) }
        #expect(!error.message.contains("\n"))
        #expect(!error.message.contains("topsecret"))
        #expect("\(error)" == error.message)
        return error.message
    }

    @Test(arguments: [
        ("ops-4.5", "openai/gpt-4.1"), ("gemini-3.5", "gemini/gemini-2.5-pro"), ("openai/o3", "openai/o3"),
        ("openai/ft:gpt-4.1:org::id", "openai/ft:gpt-4.1:org::id"), ("gemini/gemini-3-pro", "gemini/gemini-3-pro"),
        ("openai-compatible/Qwen/Qwen3", "openai-compatible/Qwen/Qwen3"),
    ])
    func knowsItsNames(_ name: String, _ full: String) throws {
        let settings = ModelSettings(openAIKey: key, openAIBaseURL: "http://localhost:1/v1/", googleKey: key)
        try catalog(settings).validate(name)
        #expect(try catalog(settings).model(named: name).name == full)
    }

    @Test func aliasesAreSettings() throws {
        let settings = ModelSettings(openAIKey: key, googleKey: key, opsModel: "gpt-9", geminiModel: "gemini-9")
        #expect(try catalog(settings).model(named: "ops-4.5").name == "openai/gpt-9")
        #expect(try catalog(settings).model(named: "gemini-3.5").name == "gemini/gemini-9")
    }

    @Test(arguments: ["", "gpt-4.1", "openai/", "/x", "anthropic/claude", "openai", "a\nb/c"])
    func namesTheNamesThereAre(_ name: String) throws {
        let text = try complaint(name, ModelSettings(openAIKey: key))
        #expect(text.contains("MODEL_NAME="))
        #expect(
            text.contains(
                "ops-4.5, gemini-3.5, openai/ID, gemini/ID, openai-compatible/ID, local/ID or replay/FILE"))
    }

    @Test(arguments: ["openai/gpt 4", "openai/../x", "gemini/a/b", "gemini/a:b?c", "openai/Ü"])
    func refusesWhatIsNoID(_ name: String) throws {
        #expect(try complaint(name, ModelSettings(openAIKey: key, googleKey: key)).contains("no model's id"))
    }

    @Test func saysWhichVariableIsMissing() throws {
        let openAI = """
            OPENAI_API_KEY is not set; write OPENAI_API_KEY=sk-... in .env or the environment, or choose another MODEL_NAME
            """
        for key in [nil, "", "sk-...", "<OPENAI_API_KEY>"] {
            let settings = ModelSettings(openAIKey: key.map { Secret($0) })
            #expect(try complaint("ops-4.5", settings) == openAI)
            #expect(try complaint("openai/o3", settings) == openAI)
        }
        #expect(try complaint("gemini-3.5", ModelSettings(openAIKey: key)).hasPrefix("GOOGLE_API_KEY is not set"))
        #expect(try complaint("gemini/x", ModelSettings()).hasPrefix("GOOGLE_API_KEY is not set"))
        #expect(
            try complaint("openai-compatible/x", ModelSettings(openAIKey: key)).hasPrefix("OPENAI_BASE_URL is not set"))
    }

    @Test(arguments: ["sk-topsecret\n", "sk-topsecret x", "sk-tøpsecret", "\u{0}"])
    func refusesWhatIsNoKey(_ value: String) throws {
        let settings = ModelSettings(
            openAIKey: Secret(value), openAIBaseURL: "http://localhost:1", googleKey: Secret(value))
        for (name, variable) in [
            ("openai/o3", "OPENAI_API_KEY"), ("openai-compatible/x", "OPENAI_API_KEY"), ("gemini/x", "GOOGLE_API_KEY"),
        ] {
            #expect(try complaint(name, settings).hasPrefix("\(variable) holds a character that no key has"))
        }
    }

    @Test(arguments: [
        "localhost:8000", "ftp://host", "http://", "http://u:topsecret@host/v1", "http://host/v1?key=topsecret", "x y",
    ])
    func refusesWhatIsNoAddress(_ url: String) throws {
        let settings = ModelSettings(openAIKey: key, openAIBaseURL: url, googleKey: key, geminiBaseURL: url)
        #expect(try complaint("openai/o3", settings).hasPrefix("OPENAI_BASE_URL is not the address of a server"))
        #expect(try complaint("gemini/x", settings).hasPrefix("GEMINI_BASE_URL is not the address of a server"))
    }

    @Test func replaysFiles() async throws {
        let file = try TemporaryFile(#"{"conversation":"programmer","reply":{"text":"Hello."}}"#)
        let model = try catalog(ModelSettings()).model(named: "replay/\(file.url.path())")
        #expect(try await model.reply(to: .question).turn.text == "Hello.")
        #expect(try complaint("replay/missing.jsonl", ModelSettings()).contains("missing.jsonl"))
    }

    @Test func secretsDoNotShow() {
        var dumped = ""
        let settings = ModelSettings(openAIKey: Secret("topsecret"), googleKey: Secret("topsecret"))
        dump(settings, to: &dumped)
        dump(catalog(settings), to: &dumped)
        let shown = dumped + "\(settings) \(String(reflecting: settings)) \(key) \(String(reflecting: key))"
        #expect(!shown.contains("topsecret"))
        #expect("\(key)" == "•••")
        #expect(Secret("topsecret").reveal() == "topsecret")
    }

    @Test func retriesAndTellsOfIt() async throws {
        let (lines, source) = AsyncStream.makeStream(of: String.self)
        try await withScriptedProvider { _ in
            .status(500)
        } body: { provider in
            var settings = provider.settings
            settings.retryPolicy = RetryPolicy(maxAttempts: 2, baseDelay: .milliseconds(1))
            let model = try ModelCatalog(settings: settings, client: provider.client)
                .model(named: "openai/gpt-5", onRetry: { source.yield($0) })
            _ = try await failure(of: model)
            #expect(await provider.requests.count == 2)
        }
        #expect(await lines.first { _ in true }?.contains("answered 500 (try 1 of 2; next in") == true)
    }
}
