import Foundation
import Testing

/// What every command has in common: help, version, exit codes.
struct CommandLineTests {
    static let commands = [
        [], ["serve"], ["run"], ["chat"], ["demo"], ["graph"], ["task"], ["task", "submit"], ["task", "list"],
        ["task", "show"], ["task", "logs"], ["task", "cancel"], ["task", "answer"], ["task", "patch"], ["model"],
        ["model", "pull"], ["model", "list"], ["model", "rm"], ["model", "generate"], ["model", "bench"], ["eval"],
        ["eval", "humaneval"],
    ]

    @Test(arguments: commands) func helpSaysWhatItIsForOnStandardOutput(command: [String]) async throws {
        let outcome = try await Program.run(command + ["--help"])
        #expect(outcome.exitCode == 0)
        #expect(outcome.output.hasPrefix("OVERVIEW: "))
        #expect(outcome.errors == "")
    }

    @Test(arguments: commands) func versionWorksEverywhere(command: [String]) async throws {
        let outcome = try await Program.run(command + ["--version"])
        #expect(outcome.exitCode == 0)
        #expect(outcome.output.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
    }

    @Test(arguments: [
        ["bogus"], ["serve", "--bogus"], ["serve", "--port", "x"], ["run"], ["run", "--repo", "."], ["task", "show"],
        ["task", "answer", "id"], ["task", "list", "--limit", "0"], ["graph", "none"],
        ["model", "pull"], ["model", "rm"],
    ])
    func wrongUseEndsWith2AndSaysSoOnStandardError(arguments: [String]) async throws {
        let outcome = try await Program.run(arguments)
        #expect(outcome.exitCode == 2)
        #expect(outcome.output == "")
        #expect(outcome.errors.hasPrefix("Error: "))
    }

    @Test(arguments: [
        (["serve"], [:], "OPENAI_API_KEY"),
        (["serve", "--model", "gemini-3.5"], ["OPENAI_API_KEY": "sk-1"], "GOOGLE_API_KEY"),
        (["serve"], ["MODEL_NAME": "openai-compatible/x"], "OPENAI_BASE_URL"),
        (["serve"], ["MODEL_NAME": "gpt"], "MODEL_NAME"),
        (["serve"], ["SANDBOX_TYPE": "k8s"], "SANDBOX_TYPE"),
        (["serve", "--port", "70000"], [:], "SWE_AGENT_PORT"),
        (["demo"], ["MAX_STEPS": "none"], "MAX_STEPS"),
        (["run", "--repo", "/", "--goal", "x"], ["MODEL_NAME": "ops-4.5"], "OPENAI_API_KEY"),
        (["run", "--repo", "ext::sh", "--goal", "x"], ["OPENAI_API_KEY": "sk-1"], "write https://host/path"),
        (["run", "--repo", "/", "--goal", " "], ["OPENAI_API_KEY": "sk-1"], "goal"),
        (["task", "list"], ["SWE_AGENT_URL": "example.com"], "SWE_AGENT_URL"),
        (["model", "pull", "../x"], [:], "write it as org/name"),
        (["model", "pull", "a/b", "--revision", ".."], [:], "no revision"),
        (["model", "pull", "a/b"], ["HF_ENDPOINT": "hub.example.com"], "HF_ENDPOINT"),
        (["model", "pull", "a/b"], ["HF_TOKEN": "hf one"], "HF_TOKEN"),
        (["model", "pull", "a/b"], ["HF_HUB_OFFLINE": "maybe"], "HF_HUB_OFFLINE"),
    ])
    func aSettingThatIsMissingOrWrongStopsTheStartWithOneLine(
        arguments: [String], environment: [String: String], name: String
    ) async throws {
        let outcome = try await Program.run(arguments, environment: environment)
        #expect(outcome.exitCode == 2)
        #expect(outcome.output == "")
        let lines = outcome.errors.split(separator: "\n")
        #expect(lines.last?.hasPrefix("swe-agent: ") == true)
        #expect(lines.last?.contains(name) == true)
        // Only warnings about walls that the machine does not have may come before.
        let warnings = ["without isolation", "confined by Landlock", "is not limited here"]
        #expect(lines.dropLast().allSatisfy { line in warnings.contains { line.contains($0) } })
    }

    @Test func aRefusedKeyDoesNotAppear() async throws {
        let outcome = try await Program.run(["serve"], environment: ["OPENAI_API_KEY": "sk-hidden one"])
        #expect(outcome.exitCode == 2)
        #expect(!outcome.errors.contains("hidden"))
    }

    @Test func theFileInTheCurrentDirectoryIsRead() async throws {
        try await withFolder { folder in
            try "MODEL_NAME=gemini-3.5 # a comment\n".write(toFile: folder + "/.env", atomically: true, encoding: .utf8)
            let outcome = try await Program.run(["serve"], in: folder)
            #expect(outcome.errors.contains("GOOGLE_API_KEY"))
            let flagged = try await Program.run(["serve", "--model", "ops-4.5"], in: folder)
            #expect(flagged.errors.contains("OPENAI_API_KEY"))
        }
    }

    @Test func graphDrawsTheStagesOfATask() async throws {
        let outcome = try await Program.run(["graph", "task"])
        #expect(outcome.exitCode == 0)
        #expect(outcome.output.hasPrefix("flowchart TD\n"))
        for stage in ["manager", "planner", "programmer", "reviewer"] { #expect(outcome.output.contains(stage)) }
    }

    @Test func aServiceThatIsNotThereIsOneLineAnd1() async throws {
        let outcome = try await Program.run(["task", "list", "--url", "http://127.0.0.1:1"])
        #expect(outcome.exitCode == 1)
        #expect(
            outcome.errors
                == "swe-agent: cannot reach http://127.0.0.1:1; start swe-agent serve, or name another with --url or SWE_AGENT_URL\n"
        )
    }
}
