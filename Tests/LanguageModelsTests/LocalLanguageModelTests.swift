import AsyncHTTPClient
import Foundation
import LanguageModels
import LocalInference
import ModelHub
import Synchronization
import Testing

/// Tiny models with random weights, through the same door as hosted ones.
@Suite(.timeLimit(.minutes(5)))
struct LocalLanguageModelTests {
    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "LocalInferenceTests/Fixtures").path()

    private func withCatalog<Result>(_ body: (ModelCatalog) async throws -> Result) async throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "local-models-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let local = LocalModels.Settings(
            hub: ModelCache(directory: folder.path() + "/hub"),
            loading: LocalModel.Options(
                quantization: .fp32, threads: 2, cache: WeightCache(directory: folder.appending(path: "cache"))))
        return try await body(ModelCatalog(settings: ModelSettings(local: local), client: .shared))
    }

    private func request(_ text: String, system: String = "", tools: [ToolDefinition] = []) -> ModelRequest {
        ModelRequest(
            conversation: "test", system: system, messages: [.user(text)], tools: tools, maxOutputTokens: 24,
            temperature: 0)
    }

    @Test func aBaseModelContinuesTheText() async throws {
        try await withCatalog { catalog in
            let name = "local/" + Self.fixtures + "/codegen"
            let model = try catalog.model(named: name)
            #expect(model.name == name)
            #expect(model.capabilities.contextTokens == 128)
            let streamed = Mutex("")
            let reply = try await model.reply(to: request("def f(x):\n    return")) { delta in
                if case .text(let text) = delta { streamed.withLock { $0 += text } }
            }
            #expect(!reply.turn.text.isEmpty)
            #expect(streamed.withLock(\.self) == reply.turn.text)
            #expect(reply.model == name)
            let local = try await #require(catalog.localModels).model(Self.fixtures + "/codegen")
            let prompt = local.tokenizer.encode("def f(x):\n    return")
            #expect(reply.usage.inputTokens == prompt.count)
            #expect((1...24).contains(reply.usage.outputTokens))
            #expect(reply.finish == (reply.usage.outputTokens == 24 ? .length : .stop))
            let options = GenerationOptions(
                sampling: SamplingOptions(temperature: 0, topP: 0.9), maxNewTokens: 24)
            let expected = try await local.generate(tokens: prompt, options: options).completions()[0].text
            #expect(reply.turn.text == expected)
            #expect(PriceTable.builtIn.cost(of: reply.usage, model: name) == 0)
        }
    }

    @Test func aConversationModelGetsItsTemplate() async throws {
        try await withCatalog { catalog in
            let model = try catalog.model(named: "local/" + Self.fixtures + "/qwen2")
            let reply = try await model.reply(to: request("hi", system: "s"))
            let local = try await #require(catalog.localModels).model(Self.fixtures + "/qwen2")
            let prompt = local.tokenizer.encode(
                "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
                addSpecialTokens: false)
            #expect(reply.usage.inputTokens == prompt.count)
        }
    }

    @Test func toolsAreOfferedAsText() async throws {
        try await withCatalog { catalog in
            let model = try catalog.model(named: "local/" + Self.fixtures + "/starcoder2")
            #expect(model.capabilities.toolCalling)
            let bash = ToolDefinition(
                name: "bash", description: "Runs a command.", parameters: ["type": "object"])
            // The instructions alone are longer than this model's context.
            let error = await #expect(throws: ModelError.self) {
                _ = try await model.reply(to: request("list the files", tools: [bash]))
            }
            #expect(error?.kind == .contextLength)
        }
    }

    @Test func requestsAtTheSameTimeGetTheirOwnAnswers() async throws {
        try await withCatalog { catalog in
            let model = try catalog.model(named: "local/" + Self.fixtures + "/llama")
            let texts = ["import os", "def f(x):", "class A:", "x = [1, 2"]
            var alone: [String] = []
            for text in texts { alone.append(try await model.reply(to: request(text)).turn.text) }
            let together = try await withThrowingTaskGroup(of: (Int, String).self) { group in
                for (index, text) in texts.enumerated() {
                    group.addTask { (index, try await model.reply(to: request(text)).turn.text) }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            #expect(texts.indices.map { together[$0] } == alone)
        }
    }

    @Test func aModelThatIsNotThereSaysHowToGetIt() async throws {
        try await withCatalog { catalog in
            for (name, word) in [
                ("local/Salesforce/codegen-350M-mono", "model pull Salesforce/codegen-350M-mono"),
                ("local/" + Self.fixtures, "config.json"), ("local//no/such/folder", "no folder"),
            ] {
                let error = #expect(throws: ModelNameError.self) { try catalog.validate(name) }
                #expect(error?.message.contains(word) == true)
            }
        }
    }
}
