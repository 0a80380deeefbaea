import Foundation
import LanguageModels
import TestSupport
import Testing

/// `swe-agent eval humaneval` on problems in HumanEval's format.
struct EvalCommandTests {
    private static let problems = [
        problem(
            "Own/0", "add",
            "from math import floor\n\n\ndef add(a, b):\n    \"\"\"Add two whole numbers.\n\n    >>> add(1, 2)\n    3\n    \"\"\"\n",
            "    return floor(a + b)\n", "assert candidate(1, 2) == 3\n    assert candidate(-1, 1) == 0"),
        problem(
            "Own/1", "evens", "def evens(numbers):\n    \"\"\"The even ones.\"\"\"\n",
            "    return [n for n in numbers if n % 2 == 0]\n", "assert candidate([1, 2, 4]) == [2, 4]"),
        problem(
            "Own/2", "forever", "def forever():\n    \"\"\"Return 1.\"\"\"\n", "    return 1\n",
            "assert candidate() == 1"),
    ]

    private static func problem(
        _ id: String, _ name: String, _ prompt: String, _ solution: String, _ assertions: String
    ) -> JSONValue {
        [
            "task_id": .string(id), "prompt": .string(prompt), "entry_point": .string(name),
            "canonical_solution": .string(solution),
            "test": .string("METADATA = {}\n\n\ndef check(candidate):\n    \(assertions)\n"),
        ]
    }

    private static func answer(to request: ScriptedRequest) -> ScriptedReply {
        // The import that the prompt has is left out, as models do.
        if request.latest.contains("def add") { return say("def add(a, b):\n    return floor(a + b)") }
        if request.latest.contains("def evens") { return say("import sys\ndef evens(numbers):\n    sys.exit(0)") }
        return say("def forever():\n    while True: pass")
    }

    private static func say(_ program: String) -> ScriptedReply { .turn(text: ChatFixture.answer(program)) }

    private static func write(_ problems: [JSONValue], in folder: String) throws {
        try problems.map(\.json).joined(separator: "\n").write(
            toFile: folder + "/problems.jsonl", atomically: true, encoding: .utf8)
    }

    private func evaluate(_ chat: ChatFixture, _ arguments: [String]) async throws -> Program.Outcome {
        try await Program.run(
            ["eval", "humaneval", "problems.jsonl", "--test-timeout", "10"] + arguments,
            environment: chat.environment(), in: chat.folder)
    }

    @Test func solutionsAreTestedAndScored() async throws {
        try await ChatFixture.with(script: Self.answer) { chat in
            try Self.write(Self.problems, in: chat.folder)
            let outcome = try await evaluate(chat, ["--samples", "2", "--json", "--output", "samples"])
            #expect(outcome.exitCode == 0, "\(outcome)")
            let report = try JSONDecoder().decode(JSONValue.self, from: Data(outcome.output.utf8))
            #expect(report["problems"]?.integer == 3)
            #expect(report["samples_per_problem"]?.integer == 2)
            #expect(report["pass_at"] == ["1": .number(0.333333), "2": .number(0.333333)])
            // Leaving before the test with exit code 0 does not pass it.
            #expect(report["results"] == ["passed": 2, "failed": 2, "timed out": 2])
            let lines = try String(contentsOfFile: chat.folder + "/samples", encoding: .utf8).split(separator: "\n")
            let samples = try lines.dropFirst().map { try JSONValue(json: String($0)) }
            #expect(Set(samples.compactMap { $0["task_id"]?.string }) == ["Own/0", "Own/1", "Own/2"])
            #expect(samples.contains { $0["result"] == "failed: it ended before the test" })
        }
    }

    @Test func whatIsDoneIsNotDoneAgain() async throws {
        try await ChatFixture.with(script: Self.answer) { chat in
            try Self.write(Array(Self.problems.prefix(1)), in: chat.folder)
            #expect(try await evaluate(chat, []).output.contains("pass@1  100.0 %"))
            // As after a crash: the file ends in the middle of a line.
            let name = chat.folder + "/problems.openai-compatible-scripted.samples.jsonl"
            let file = try #require(FileHandle(forWritingAtPath: name))
            try file.seekToEnd()
            try file.write(contentsOf: Data(#"{"task_id":"Own/1","#.utf8))
            try file.close()
            try Self.write(Array(Self.problems.prefix(2)), in: chat.folder)
            let outcome = try await evaluate(chat, [])
            #expect(outcome.output.contains("2 problems, 1 samples each\npass@1  50.0 %\n1 failed, 1 passed"))
            #expect(await chat.provider.requests.count == 2)
            let other = try await evaluate(chat, ["--samples", "3"])
            #expect(other.exitCode == 2)
            #expect(other.errors.contains("--output"))
        }
    }

    @Test(arguments: ["", "{}", "not JSON", #"{"task_id":"x"}"#])
    func aFileWithoutProblemsIsOneLine(contents: String) async throws {
        try await ChatFixture.with(script: Self.answer) { chat in
            try contents.write(toFile: chat.folder + "/problems.jsonl", atomically: true, encoding: .utf8)
            let outcome = try await evaluate(chat, [])
            #expect(outcome.exitCode == 2)
            #expect(outcome.errors.split(separator: "\n").count == 1)
        }
    }
}
