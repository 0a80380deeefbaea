import Foundation
import Testing

@testable import LocalInference

@Suite struct ModelConfigurationTests {
    /// A model's folder with a `config.json` of the given members, put over a good one.
    private func configuration(_ architecture: String, _ members: [String: Any?]) throws -> ModelConfiguration {
        let fixture = Fixture(name: architecture)
        let folder = FileManager.default.temporaryDirectory.appending(path: "configuration-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let good = try Data(contentsOf: fixture.directory.appending(path: "config.json"))
        var json = try #require(JSONSerialization.jsonObject(with: good) as? [String: Any])
        for (key, value) in members { json[key] = value ?? NSNull() }
        try JSONSerialization.data(withJSONObject: json).write(to: folder.appending(path: "config.json"))
        return try ModelConfiguration(directory: folder)
    }

    private func error(_ architecture: String, _ members: [String: Any?]) -> String {
        do {
            _ = try configuration(architecture, members)
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    @Test func readsWhatFamiliesSayDifferently() throws {
        let codegen = try configuration("codegen", [:])
        #expect(codegen.isParallel && codegen.norm == .layerNorm && !codegen.hasTiedHead)
        #expect(codegen.rotary == RotaryEmbedding(pairing: .interleaved, dimensions: 8, base: 10_000))
        #expect(codegen.biases == ModelConfiguration.Biases(mlp: true, head: true))

        let starcoder = try configuration("starcoder2", [:])
        #expect(starcoder.windows == [16, 16] && starcoder.hasTiedHead && starcoder.keyValueHeadCount == 2)
        #expect(try configuration("starcoder2", ["sliding_window": nil]).windows == [nil, nil])

        let qwen = try configuration("qwen2", [:])
        #expect(qwen.windows == [nil, 16] && qwen.norm == .rmsNorm && qwen.rotary.base == 1_000_000)
        #expect(try configuration("qwen2", ["use_sliding_window": false]).windows == [nil, nil])

        let linear = try configuration("llama-biased", [:])
        #expect(linear.rotary.scaling == .linear(factor: 2) && linear.headSize == 16 && linear.querySize == 96)
        let newer = try configuration(
            "llama", ["rope_scaling": nil, "rope_parameters": ["rope_type": "default", "rope_theta": 5e5]])
        #expect(newer.rotary.base == 5e5 && newer.rotary.scaling == .none)
    }

    @Test func anUnknownArchitectureNamesTheKnown() {
        let message = error("llama", ["model_type": "mamba2"])
        #expect(message.contains("mamba2"))
        for name in ["codegen", "starcoder2", "llama", "qwen2"] { #expect(message.contains(name)) }
        #expect(error("llama", ["model_type": nil]).contains("codegen"))
    }

    @Test(
        arguments: [
            ("hidden_size", -64), ("hidden_size", 1 << 40), ("num_hidden_layers", 0), ("num_hidden_layers", 1 << 30),
            ("num_attention_heads", 0), ("num_attention_heads", 3), ("num_key_value_heads", 3), ("vocab_size", Int.max),
            ("vocab_size", 1.5), ("intermediate_size", "many"), ("max_position_embeddings", Int.max), ("head_dim", 0),
            ("head_dim", 15), ("rms_norm_eps", -1), ("rope_theta", 0), ("tie_word_embeddings", "yes"),
            ("hidden_act", "relu6"), ("eos_token_id", 320), ("eos_token_id", ["a"]), ("rope_scaling", "linear"),
            ("quantization_config", ["bits": 4]),
        ] as [(String, any Sendable)])
    func whatCannotBeIsNamed(_ key: String, _ value: any Sendable) {
        let message = error("llama", [key: value])
        #expect(message.contains("config.json"))
        #expect(message.contains(key) || ["quantization_config", "head_dim", "num_attention_heads"].contains(key))
    }

    @Test func anUnknownScalingIsRefused() {
        #expect(error("llama", ["rope_scaling": ["rope_type": "yarn", "factor": 4]]).contains("yarn"))
        #expect(error("llama", ["rope_scaling": ["rope_type": "linear", "factor": 0]]).contains("factor"))
        #expect(error("codegen", ["n_head": 6, "n_embd": 60]).contains("multiple of 4"))
        #expect(error("codegen", ["rotary_dim": 18]).contains("rotary"))
    }

    @Test func aMissingFileIsNamed() async throws {
        try await withTemporaryFolder { folder in
            #expect(throws: CheckpointError.self) { try ModelConfiguration(directory: folder) }
            for missing in ["config.json", "model.safetensors", "tokenizer.json"] {
                let copy = folder.appending(path: "without-\(missing)")
                try FileManager.default.copyItem(at: Fixture(name: "llama").directory, to: copy)
                try FileManager.default.removeItem(at: copy.appending(path: missing))
                let error = await #expect(throws: CheckpointError.self) {
                    _ = try await LocalModel(
                        directory: copy, options: LocalModel.Options(cache: WeightCache(directory: folder)))
                }
                #expect(error?.description.contains(missing) == true)
            }
        }
    }

    @Test func weightsOfAnotherShapeAreRefused() async throws {
        try await withTemporaryFolder { folder in
            let copy = folder.appending(path: "model")
            try FileManager.default.copyItem(at: Fixture(name: "llama").directory, to: copy)
            let path = copy.appending(path: "config.json")
            let text = try String(contentsOf: path, encoding: .utf8)
            for (change, word) in [
                ("\"intermediate_size\": 95", "intermediate"), ("\"num_hidden_layers\": 3", "layers"),
                ("\"vocab_size\": 321", "vocab"),
            ] {
                let key = try #require(change.split(separator: ":").first)
                let changed = text.replacing(try Regex("\(key): \\d+"), with: change)
                #expect(changed != text, "\(word)")
                try changed.write(to: path, atomically: true, encoding: .utf8)
                let error = await #expect(throws: CheckpointError.self) {
                    _ = try await LocalModel(
                        directory: copy, options: LocalModel.Options(cache: WeightCache(directory: folder)))
                }
                #expect(error?.description.contains("tensor") == true)
            }
        }
    }
}
