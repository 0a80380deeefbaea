import Agents
import LanguageModels
import Testing

/// Models that only continue a text: how they are asked, and what of what they write is a program.
struct BaseModelTests {
    /// Does a task with these continuations, one after another where it is fixed.
    private func result(
        _ texts: [String], finish: FinishReason = .stop, task: String = "Print it", fixes: Int = 0
    ) async throws -> CodingResult {
        let model = ScriptedCompletions(.base) { _, number in
            [CompletionReply.Candidate(text: texts[number], finish: finish)]
        }
        let (results, continuation) = AsyncStream<CodingResult>.makeStream()
        try await CodingFixture.with(model: model) { fixture in
            continuation.yield(try await fixture.result(of: task, options: CodingOptions(fixes: fixes)))
        }
        continuation.finish()
        return try #require(await results.first { _ in true })
    }

    @Test func aBaseModelGetsTheBeginningOfAFileAndFourCandidates() async throws {
        let good = "    print(120)\n"
        let model = ScriptedCompletions(.base, [["    return 120 +\n", "    raise ValueError('x')\n", "", good]])
        try await CodingFixture.with(model: model) { fixture in
            let history = [CodingTurn(task: "Earlier", code: "print(0)", output: "0\n")]
            let result = try await fixture.result(of: "Print the factorial\nof 5", history: history)
            #expect(result.status == .success)
            #expect(result.code == "def main():\n    print(120)\n\n\nif __name__ == \"__main__\":\n    main()")
            #expect(result.output == "120\n")
            #expect(result.attempts.map(\.candidates) == [4])
            #expect(result.attempts.map(\.programs) == [2])
            #expect(result.usage.outputTokens == 20)
        }
        let request = try #require(await model.requests.first)
        #expect(
            request.prompt
                == .text(
                    """
                    #!/usr/bin/env python3
                    # Task: Print the factorial
                    # of 5
                    # The program prints the result.

                    def main():

                    """))
        #expect(request.maxNewTokens == 256)
        #expect(request.lookup == nil)
        #expect(request.samples.map(\.temperature) == [0.1, 0.4, 0.6, 0.8])
        #expect(request.samples.allSatisfy { $0.topP == 0.9 && $0.repetitionPenalty == 1.2 })
    }

    @Test func theOptionsAreTheModels() async throws {
        let model = ScriptedCompletions(.base, [["    print(1)"]])
        try await CodingFixture.with(model: model) { fixture in
            let options = CodingOptions(
                samples: 2, temperature: 0.7, topP: 0.5, repetitionPenalty: 1, maxNewTokens: 99, seed: 7)
            _ = try await fixture.result(of: "Print", options: options)
        }
        let request = try #require(await model.requests.first)
        #expect(request.maxNewTokens == 99)
        let expected = CompletionSampling(temperature: 0.7, topP: 0.5, repetitionPenalty: 1, seed: 7)
        #expect(request.samples.first == expected)
        #expect(request.samples.map(\.seed) == [7, 8])
    }

    @Test func aFixShowsTheProgramThatFailedAndLooksItUp() async throws {
        let model = ScriptedCompletions(.base, [["    print(1 / 0)"], ["    print(1)"]])
        try await CodingFixture.with(model: model) { fixture in
            let result = try await fixture.result(of: "Print")
            #expect(result.status == .success)
            #expect(result.attempts.map(\.failure) == ["ZeroDivisionError: division by zero (line 2)", nil])
        }
        let fix = try #require(await model.requests.last)
        guard case .text(let prompt) = fix.prompt else { return #expect(Bool(false), "no text") }
        #expect(prompt.contains("def main():\n    print(1 / 0)\n"))
        #expect(prompt.contains("# ZeroDivisionError: division by zero (line 2)\n"))
        #expect(prompt.hasSuffix("\ndef main():\n"))
        #expect(fix.lookup?.contains("print(1 / 0)") == true)
    }

    @Test(arguments: [
        // Prose, another language and an unfinished line after the program.
        ("    print(1)\n\nThis program prints 1 to the screen.", "def main():\n    print(1)"),
        ("    print(1)\n\nOutput\n", "def main():\n    print(1)"),
        ("    print(1)\n```\n\nIt works.", "def main():\n    print(1)"),
        // The same lines over and over.
        ("    print(1)\n\nmain()\nmain()\nmain()\nmain()\nma", "def main():\n    print(1)\n\nmain()"),
        (
            "    print(1)\n" + String(repeating: "    x = 1\n    y = 2\n", count: 9) + "    x =",
            "def main():\n    print(1)\n    x = 1\n    y = 2"
        ),
        // A helper after main, and a call of its own.
        (
            "    print(f())\n\ndef f():\n    return 1\n\nmain()",
            "def main():\n    print(f())\n\ndef f():\n    return 1\n\nmain()"
        ),
    ])
    func whatFollowsTheProgramIsCutOff(text: String, program: String) async throws {
        let result = try await result([text])
        #expect(result.status == .success)
        #expect(result.output == "1\n")
        #expect(result.code.hasPrefix(program))
        let rest = result.code.dropFirst(program.count)
        #expect(rest == "" || rest == "\n\n\nif __name__ == \"__main__\":\n    main()")
    }

    @Test func whatMainReturnsIsPrinted() async throws {
        let result = try await result(["    return 6 * 7"])
        #expect(result.output == "42\n")
    }

    @Test func aDefinitionIsNotCutInItsMidst() async throws {
        let broken = try await result(["    print(1)\n    x = = 2\n    print(2)"])
        #expect(broken.status == .failed)
        #expect(broken.error?.hasPrefix("SyntaxError") == true)
        #expect(broken.attempts.map(\.programs) == [0])

        // What the limit cut off in its midst goes as a whole; what stands before it stays.
        let cut = try await result(["    print(1)\n\n\nmain()\n\n\ndef other():\n    x = (1,\n"], finish: .length)
        #expect(cut.status == .success)
        #expect(cut.code == "def main():\n    print(1)\n\n\nmain()")
    }

    @Test(arguments: ["\0", "    print('\u{0}')", String(repeating: "(", count: 5000), "    \u{FEFF}\u{202E}x"])
    func anythingAModelWritesIsJudged(text: String) async throws {
        _ = try await result([text])
    }

    @Test func aContextThatIsTooShortForTheFailedProgramGetsTheTaskAlone() async throws {
        let model = ScriptedCompletions(.base) { request, _ in
            guard case .text(let prompt) = request.prompt else { return [] }
            if prompt.contains("1 / 0") { throw ModelError(.contextLength, "the prompt is too long") }
            let text = request.lookup == nil ? "    print(1 / 0)" : "    print(1)"
            return [CompletionReply.Candidate(text: text, finish: .stop)]
        }
        try await CodingFixture.with(model: model) { fixture in
            let result = try await fixture.result(of: "Print")
            #expect(result.status == .success)
            #expect(result.output == "1\n")
        }
        #expect(await model.requests.count == 3)
    }

    @Test func aModelForConversationsGetsOne() async throws {
        let model = ScriptedCompletions(
            .instruct, [["```python\nprint(1 / 0)\n```"], ["```python\nprint(1)\n```"]])
        try await CodingFixture.with(model: model) { fixture in
            let history = [CodingTurn(task: "Earlier", code: "print(0)", output: "0\n")]
            let result = try await fixture.result(of: "Print", history: history)
            #expect(result.status == .success)
            #expect(result.code == "print(1)")
        }
        let requests = await model.requests
        #expect(requests.map(\.samples.count) == [1, 1])
        guard case .conversation(let system, let messages) = requests[1].prompt else {
            return #expect(Bool(false), "no conversation")
        }
        #expect(system.contains("Python"))
        #expect(messages.count == 5)
        #expect(messages.first == .user("Earlier"))
        #expect(messages[3] == .assistant(AssistantTurn(text: "```python\nprint(1 / 0)\n```")))
        guard case .user(let complaint) = messages[4] else { return #expect(Bool(false), "no complaint") }
        #expect(complaint.contains("ZeroDivisionError"))
    }
}
