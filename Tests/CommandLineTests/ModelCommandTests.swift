import Foundation
import Subprocess
import SystemPackage
import Testing

/// `model generate` and `model bench`, as users run them.
struct ModelCommandTests {
    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "LocalInferenceTests/Fixtures").path()

    private struct Generated: Decodable {
        struct Sample: Decodable {
            var text: String
            var tokenIds: [Int]
            var ending: String
        }
        var promptTokenIds: [Int]
        var samples: [Sample]
        var loadS: Double
        var totalS: Double
    }

    private func generated(_ outcome: Program.Outcome) throws -> Generated {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Generated.self, from: Data(outcome.output.utf8))
    }

    private func run(_ arguments: [String], cache: String) async throws -> Program.Outcome {
        try await Program.run(["model"] + arguments, environment: ["SWE_AGENT_CACHE": cache])
    }

    @Test func streamsTheTextThatItsJSONHas() async throws {
        try await withFolder { folder in
            let arguments = [
                "generate", Self.fixtures + "/llama", "--prompt", "def f(x):\n", "--greedy", "--max-new-tokens", "20",
                "--quantization", "fp32",
            ]
            let plain = try await run(arguments, cache: folder)
            let json = try generated(try await run(arguments + ["--json"], cache: folder))
            #expect(plain.exitCode == 0)
            #expect(plain.errors == "")
            #expect(plain.output == json.samples[0].text + "\n")
            #expect((1...20).contains(json.samples[0].tokenIds.count))
            #expect(!json.promptTokenIds.isEmpty)
            #expect(json.totalS > json.loadS)
            // Packed once, for both.
            let kept = try FileManager.default.contentsOfDirectory(atPath: folder + "/models")
            #expect(kept.count == 1)
            #expect(kept.first?.hasPrefix("llama-") == true && kept.first?.hasSuffix("-fp32.weights") == true)
        }
    }

    @Test func aSeedMakesTextRepeatable() async throws {
        try await withFolder { folder in
            func text(seed: String) async throws -> [[Int]] {
                let arguments = [
                    "generate", Self.fixtures + "/llama", "--prompt", "import os", "--temperature", "1.5", "--seed",
                    seed, "--samples", "3", "--max-new-tokens", "12", "--threads", "1", "--json",
                ]
                return try generated(try await run(arguments, cache: folder)).samples.map(\.tokenIds)
            }
            let first = try await text(seed: "5")
            #expect(first.count == 3)
            #expect(Set(first).count == 3)
            #expect(try await text(seed: "5") == first)
            #expect(try await text(seed: "9") != first)
        }
    }

    @Test func endsBeforeAStopString() async throws {
        try await withFolder { folder in
            let arguments = [
                "generate", Self.fixtures + "/codegen", "--prompt", "def f(x):\n", "--temperature", "1", "--seed", "1",
                "--max-new-tokens", "40", "--json",
            ]
            let whole = try generated(try await run(arguments, cache: folder)).samples[0].text
            let stop = String(try #require(whole.dropFirst(4).first { $0.isASCII && $0.isLetter }))
            let cut = try generated(try await run(arguments + ["--stop", stop], cache: folder)).samples[0]
            #expect(cut.text == String(whole.prefix { String($0) != stop }))
            #expect(cut.ending == "stop")
        }
    }

    @Test func benchEndsWithItsFiguresInOneLine() async throws {
        try await withFolder { folder in
            let outcome = try await run(
                [
                    "bench", Self.fixtures + "/starcoder2", "--prompt-tokens", "10", "--new-tokens", "20", "--batch",
                    "3",
                    "--quantization", "int4", "--sampling", "guide", "--runs", "1",
                ], cache: folder)
            #expect(outcome.exitCode == 0)
            let line = try #require(outcome.output.split(separator: "\n").last)
            let figures = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            for name in ["load_s", "prefill_tps", "decode_tps", "total_s", "peak_rss_mib"] {
                #expect((figures[name] as? Double ?? 0) > 0, "\(name)")
            }
        }
    }

    @Test(arguments: [
        (["generate", "codegen", "--prompt", "x", "--top-p", "0"], 2, "top-p"),
        (["generate", "codegen", "--prompt", "x", "--quantization", "int9"], 2, "int8"),
        (["generate", "codegen", "--prompt", "x", "--threads", "0"], 2, "LOCAL_THREADS"),
        (["generate", "codegen"], 2, "--prompt"),
        (["generate", "codegen", "--prompt", "x", "--greedy", "--temperature", "1"], 2, "--temperature"),
        (["generate", "nothing/here", "--prompt", "x"], 1, "model pull"),
        (["generate", "codegen", "--prompt", String(repeating: "a ", count: 400)], 1, "context"),
        (["bench", "codegen", "--prompt-tokens", "4000"], 1, "context"),
        (["bench", "codegen", "--batch", "65"], 1, "samples"),
    ])
    func whatCannotBeDoneIsOneLine(_ arguments: [String], _ code: Int, _ word: String) async throws {
        try await withFolder { folder in
            var arguments = arguments
            if arguments[1] == "codegen" { arguments[1] = Self.fixtures + "/codegen" }
            let outcome = try await run(arguments, cache: folder)
            #expect(outcome.exitCode == code)
            #expect(outcome.output == "")
            #expect(outcome.errors.contains(word))
        }
    }

    @Test func aFolderWithoutAModelSaysWhatIsMissing() async throws {
        try await withFolder { folder in
            let outcome = try await run(["generate", folder, "--prompt", "x"], cache: folder)
            #expect(outcome.exitCode == 1)
            #expect(outcome.errors.contains("config.json"))
        }
    }
}
