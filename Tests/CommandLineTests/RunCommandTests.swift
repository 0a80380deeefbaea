import Foundation
import LanguageModels
import Subprocess
import SystemPackage
import TestSupport
import Testing

@testable import swe_agent

/// `swe-agent run`: one task on a repository of this machine, with a recording for a model.
struct RunCommandTests {
    /// Makes the example repository and a recording, and runs `body` in their folder.
    private func withRepository(
        recording: String? = nil, _ body: (_ folder: String, _ arguments: [String]) async throws -> Void
    ) async throws {
        try await withFolder { folder in
            try await ExampleRepository.make(at: folder + "/calculator")
            let recording = recording.map { Data($0.utf8) } ?? ExampleRepository.trajectory
            try recording.write(to: URL(filePath: folder + "/recording.jsonl"))
            try await body(
                folder,
                [
                    "run", "--repo", "calculator", "--goal", "Make the tests pass again", "--model",
                    "replay/recording.jsonl", "--output", folder + "/out",
                ])
        }
    }

    private func git(_ arguments: String..., in folder: String) async throws -> String {
        let result = try await Subprocess.run(
            .name("git"), arguments: Arguments(arguments), environment: Program.environment([:]),
            workingDirectory: FilePath(folder), output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        #expect(result.terminationStatus.isSuccess, "git \(arguments): \(result.standardError)")
        return result.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test func jsonIsOneObjectAndTheChangeIsABranchAndAPatch() async throws {
        try await withRepository { folder, arguments in
            let outcome = try await Program.run(arguments + ["--json"], in: folder)
            #expect(outcome.exitCode == 0, "\(outcome)")
            let task = try JSONDecoder().decode(JSONValue.self, from: Data(outcome.output.utf8))
            #expect(outcome.output.split(separator: "\n").count == 1)
            #expect(task["status"]?.string == "COMPLETED")
            let result = try #require(task["result"])
            #expect(result["push"]?["status"]?.string == "pushed")
            #expect(result["tests"]?["before"]?["exit_code"]?.integer != 0)
            #expect(result["tests"]?["after"]?["exit_code"]?.integer == 0)

            let repository = folder + "/calculator"
            let branch = try #require(result["branch"]?.string)
            let commit = try await git("rev-parse", branch, in: repository)
            #expect(result["commit"]?.string == commit)
            #expect(
                try await git("log", "-1", "--format=%an <%ae>", branch, in: repository)
                    == "swe-agent-bot <bot@example.com>")
            #expect(try await git("status", "--porcelain", in: repository) == "")
            #expect(try await git("branch", "--show-current", in: repository) == "main")

            let patch = try #require(task["patch_file"]?.string)
            #expect(patch.hasPrefix(folder + "/out/"))
            _ = try await git("apply", "--index", patch, in: repository)
            #expect(try await git("diff", "--cached", branch, in: repository) == "")
        }
    }

    @Test func progressIsOnStandardErrorAndTheResultOnStandardOutput() async throws {
        try await withRepository { folder, arguments in
            let outcome = try await Program.run(arguments, in: folder)
            #expect(outcome.exitCode == 0, "\(outcome)")
            for line in [
                "Starting task...", "Cloning repo...", "PLANNER: Generating plan...", "PROGRAMMER: Executing plan...",
            ] {
                #expect(outcome.errors.contains(line + "\n"))
            }
            #expect(outcome.output.contains("COMPLETED\n"))
            #expect(outcome.output.contains("+        while self.peek() in (\"+\", \"-\"):\n"))
            #expect(!(outcome.output + outcome.errors).contains("\u{1B}"))
        }
    }

    @Test func aTerminalGetsColoursUnlessNoColorIsSet() async throws {
        try await withRepository { folder, arguments in
            let coloured = try await Program.run(arguments, in: folder, onTerminal: true)
            #expect(coloured.exitCode == 0, "\(coloured)")
            #expect(coloured.output.contains("\u{1B}[32mCOMPLETED\u{1B}[0m"))
            #expect(coloured.output.contains("\u{1B}[2K"), "no line is redrawn")
        }
        try await withRepository { folder, arguments in
            let plain = try await Program.run(arguments, environment: ["NO_COLOR": "1"], in: folder, onTerminal: true)
            #expect(plain.output.contains("COMPLETED"))
            #expect(!plain.output.contains(/\x{1B}\[[0-9]+m/))
        }
    }

    @Test func aModelInTheProcessDoesTheWholeTask() async throws {
        try await withRepository { folder, arguments in
            let edits = try Self.edits(of: ExampleRepository.trajectory)
            #expect(edits.count == 2)
            func call(_ tool: String, _ arguments: JSONValue) -> String {
                "```json\n\(JSONValue.object(["tool": .string(tool), "arguments": arguments]).json)\n```"
            }
            let plan: JSONValue = [
                "summary": "Two faults.", "steps": [["title": "Mend both.", "check": "The tests pass."]],
            ]
            let model = HandWrittenModel([
                .init(
                    opening: "You are the planner of",
                    replies: [
                        "I look around first.\n" + call("list_files", [:]), "Plan:\n" + call("submit_plan", plan),
                    ]),
                .init(
                    opening: "You are the programmer of",
                    replies: edits.enumerated().map { "Fault \($0 + 1):\n" + call("edit_file", $1) } + [
                        "Test:\n```bash\npython3 -m unittest 2>&1 | tail -n 3\n```",
                        "Done:\n```bash\nsubmit Mended both faults\n```",
                    ]),
                .init(
                    opening: "You are the reviewer of",
                    replies: ["Verdict:\n" + call("submit_review", ["approved": true, "findings": []])]),
            ])
            try model.write(to: URL(filePath: folder + "/model"))
            var arguments = arguments
            arguments[try #require(arguments.firstIndex(of: "replay/recording.jsonl"))] = "local/\(folder)/model"
            let outcome = try await Program.run(
                arguments + ["--json"], environment: ["SWE_AGENT_CACHE": folder + "/cache"], in: folder)
            #expect(outcome.exitCode == 0, "\(outcome)")
            let task = try JSONDecoder().decode(JSONValue.self, from: Data(outcome.output.utf8))
            let result = try #require(task["result"])
            #expect(result["tests"]?["before"]?["exit_code"]?.integer != 0)
            #expect(result["tests"]?["after"]?["exit_code"]?.integer == 0)
            #expect(result["push"]?["status"]?.string == "pushed")
        }
    }

    /// The arguments of the calls of `edit_file` in a recording.
    private static func edits(of recording: Data) throws -> [JSONValue] {
        try recording.split(separator: UInt8(ascii: "\n")).flatMap { line in
            let calls = try JSONDecoder().decode(JSONValue.self, from: line)["reply"]?["tool_calls"]?.array ?? []
            return calls.filter { $0["name"]?.string == "edit_file" }.compactMap { $0["arguments"] }
        }
    }

    @Test func aTaskThatFailsIsOne() async throws {
        let recording = #"""
            {"conversation":"nobody","reply":{"text":"Hello."}}
            """#
        try await withRepository(recording: recording) { folder, arguments in
            let outcome = try await Program.run(arguments + ["--json"], in: folder)
            #expect(outcome.exitCode == 1)
            let task = try JSONDecoder().decode(JSONValue.self, from: Data(outcome.output.utf8))
            #expect(task["status"]?.string == "FAILED")
            #expect(task["result"]?["error"]?["code"]?.string == "model")
            #expect(task["result"]?["error"]?["message"]?.string?.isEmpty == false)
        }
    }

    @Test func controlCCancelsTheTask() async throws {
        let plan = #"{"id":"1","name":"submit_plan","arguments":{"summary":"s","steps":[{"title":"t","check":"c"}]}}"#
        let sleep = #"{"id":"1","name":"bash","arguments":{"command":"echo half > half.txt; sleep 600"}}"#
        let recording = [("planner", plan), ("programmer", sleep)].map { conversation, call in
            #"{"conversation":"\#(conversation)","reply":{"tool_calls":[\#(call)]}}"#
        }.joined(separator: "\n")
        try await withRepository(recording: recording) { folder, arguments in
            let result = try await Subprocess.run(
                .path(FilePath(Program.path)), arguments: Arguments(arguments),
                environment: Program.environment([:]), workingDirectory: FilePath(folder), input: .none,
                output: .string(limit: 1 << 20), error: .sequence
            ) { execution in
                for try await line in execution.standardError.strings() where line.contains("sleep 600") {
                    try execution.send(signal: .interrupt)
                }
            }
            #expect(result.terminationStatus == .exited(130))
            #expect(result.standardOutput.contains("FAILED"))
        }
    }
}
