import Foundation
import LanguageModels
import TestSupport
import Testing

/// The whole way with a model in the process: small ones with random weights, whose programs cannot be any good, and
/// those whose weights were written for what they are to say.
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

    /// A model whose first program fails, and which mends it when it sees the error.
    private func failingOnce(in folder: String) throws -> String {
        let model = HandWrittenModel([
            .init(opening: "You write small Python", replies: [ChatFixture.answer("print(math.factorial(5))")]),
            .init(
                opening: "NameError", replies: ["Mended:\n```python\nimport math\nprint(math.factorial(5) + 0)\n```"]),
        ])
        try model.write(to: URL(filePath: folder + "/model"))
        return "local/\(folder)/model"
    }

    @Test(arguments: ["int8", "int4", "fp32"]) func aModelForConversationsMendsItsProgram(
        quantization: String
    ) async throws {
        try await withFolder { folder in
            let outcome = try await Program.run(
                ["chat", "--model", try failingOnce(in: folder), "--once", "Print 5!", "--json"],
                environment: [
                    "SWE_AGENT_DATA": folder + "/data", "SWE_AGENT_CACHE": folder + "/cache",
                    "LOCAL_QUANTIZATION": quantization,
                ], in: folder)
            #expect(outcome.exitCode == 0, "\(outcome)")
            let result = try JSONDecoder().decode(JSONValue.self, from: Data(outcome.output.utf8))
            #expect(result["output"]?.string == "120\n")
            #expect(result["code"]?.string == "import math\nprint(math.factorial(5) + 0)")
            #expect(result["attempts"]?.array?.count == 2)
        }
    }

    @Test func processesShareOneFileOfPackedWeights() async throws {
        try await withFolder { folder in
            let model = try failingOnce(in: folder)
            let environment = ["SWE_AGENT_DATA": folder + "/data", "SWE_AGENT_CACHE": folder + "/cache"]
            /// Has a task done, and looks at what is mapped while the chat waits for the next.
            func chat(_ whileItWaits: (_ mapped: Set<String>) async throws -> Void) async throws {
                let (exitCode, _) = try await PseudoTerminal.run(
                    ["chat", "--model", model], environment: environment, in: folder
                ) { terminal in
                    try await terminal.waitForLine("You:")
                    terminal.type("Print 5!\r")
                    try await terminal.wait(for: "Execution output:\n120")
                    #expect(!terminal.screen.text.contains("local-inference"))
                    try await terminal.waitForLine("You:")
                    try await whileItWaits(try Self.mappedWeights(below: folder))
                    terminal.type("exit\r")
                }
                #expect(exitCode == 0)
            }
            try await chat { first in
                // One process, one file.
                #expect(first.count == 1)
                try await chat { both in
                    #expect(both.count == 2)
                    #expect(Set(both.map { $0.split(separator: " ").dropFirst().joined() }).count == 1)
                }
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/cache/models").count == 1)
        }
    }

    /// The process, device, inode and path of each file of weights that a process has mapped, as `proc_pid_maps(5)` says.
    private static func mappedWeights(below folder: String) throws -> Set<String> {
        let processes = try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }
        return Set(
            processes.flatMap { process -> [String] in
                // One with a single thread is a copy that is becoming another program.
                let threads = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task")
                guard (threads?.count ?? 0) > 1 else { return [] }
                let maps = try? String(contentsOfFile: "/proc/\(process)/maps", encoding: .utf8)
                return (maps ?? "").split(separator: "\n").filter {
                    $0.contains(folder) && $0.hasSuffix(".weights")
                }.map { line in
                    let fields = line.split(separator: " ", omittingEmptySubsequences: true)
                    return "\(process) \(fields[3]) \(fields[4]) \(fields[5])"
                }
            })
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
