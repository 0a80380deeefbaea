import Foundation
import LanguageModels
import Testing

/// The whole way with a model in the process: small ones with random weights, whose programs cannot be any good.
struct LocalChatTests {
    private static func model(_ name: String) -> String {
        "local/" + Project.root.appending(path: "Tests/LocalInferenceTests/Fixtures/\(name)").path()
    }

    private func chat(_ folder: String, _ model: String, _ arguments: [String]) async throws -> Program.Outcome {
        try await Program.run(
            ["chat", "--model", Self.model(model), "--max-new-tokens", "24", "--fixes", "1"] + arguments,
            environment: ["SWE_AGENT_DATA": folder + "/data", "SWE_AGENT_CACHE": folder + "/cache"], in: folder)
    }

    @Test(arguments: ["codegen", "llama"]) func aBaseModelWritesFourCandidatesInOneGo(model: String) async throws {
        try await withFolder { folder in
            let outcome = try await chat(folder, model, ["--once", "Print it", "--json"])
            #expect(outcome.exitCode == 1)
            let result = try JSONDecoder().decode(JSONValue.self, from: Data(outcome.output.utf8))
            let attempts = try #require(result["attempts"]?.array, "\(outcome)")
            #expect(attempts.count == 2)
            #expect(attempts.map { $0["candidates"]?.integer } == [4, 4])
            #expect(attempts[0]["code"]?.string?.hasPrefix("def main():\n") == true)
            #expect((1...192).contains(result["usage"]?["output_tokens"]?.integer ?? 0))
        }
    }

    @Test func theSameSeedWritesTheSameProgram() async throws {
        try await withFolder { folder in
            var programs: [String?] = []
            for _ in 1...2 {
                let arguments = ["--once", "Print it", "--json", "--seed", "7", "--samples", "1", "--temperature", "1"]
                let outcome = try await chat(folder, "codegen", arguments)
                let result = try JSONDecoder().decode(JSONValue.self, from: Data(outcome.output.utf8))
                programs.append(result["attempts"]?.array?[0]["code"]?.string)
            }
            #expect(programs[0] != nil)
            #expect(programs[0] == programs[1])
        }
    }

    @Test func aModelThatIsNotThereIsOneLine() async throws {
        try await withFolder { folder in
            let outcome = try await chat(folder, "none", ["--once", "Print it"])
            #expect(outcome.exitCode == 2)
            #expect(outcome.errors.split(separator: "\n").count == 1)
            #expect(outcome.errors.contains("none"))
        }
    }
}
