import Agents
import Foundation
import LanguageModels
import TestSupport
import Testing
import Workflow

/// Tasks whose model is in trouble, and how much their journals grow.
@Suite(.timeLimit(.minutes(20)))
struct TaskFaultTests {
    private func goal(_ repository: String, _ number: Int = 0) -> [String: JSONValue] {
        ["goal": .string("Make add add, \(number)"), "repo_url": .string(repository), "test_command": "true"]
    }

    @Test func noTaskHangsOrLosesItsState() async throws {
        let tasks = FaultRounds.current == .seconds ? 12 : 100
        let script = Script()
        let tries = Tries()
        var options = TestService.Options(limits: .init(running: 8, queued: 1000))
        options.models = {
            $0.idleTimeout = .seconds(3)
            $0.retryPolicy = RetryPolicy(
                maxAttempts: 5, baseDelay: .milliseconds(1), maxDelay: .milliseconds(5),
                maxRetryAfter: .milliseconds(5))
        }
        try await TestService.run(
            options,
            script: { request in
                let conversation = "\(request.toolNames.last ?? "") \(request.turn) \(request.firstUserText)"
                let attempt = await tries.next(conversation)
                var generator = SeededGenerator(seed: 4, name: "\(conversation) \(attempt)")
                switch Int.random(in: 0..<200, using: &generator) {
                case 0..<2: return ProviderFault.permanent.randomElement(using: &generator)!.reply
                case 2..<4: return ProviderFault.silent.randomElement(using: &generator)!
                case 4..<90:
                    return ProviderFault.transient(streaming: request.streaming).randomElement(using: &generator)!
                default: return script.reply(to: request)
                }
            }
        ) { test in
            let repository = try await SampleRepository.make(in: test.folder)
            var ids: [String] = []
            for number in 0..<tasks { ids.append(try await test.submit(goal(repository, number))) }
            var completed = 0
            for id in ids {
                let task = try await test.finish(id)
                let journal = try await test.service.store.entries(of: id, after: 0, limit: .max)
                let calls = journal.filter { $0.event.kind == .effectFinished && $0.event.name == "model" }
                #expect(task["steps"]?.integer == calls.count)
                if task["status"]?.string == "COMPLETED" {
                    completed += 1
                    #expect(task["result"]?["steps"] == 5)
                    #expect(task["result"]?["push"]?["status"] == "pushed")
                } else {
                    #expect(
                        task["result"]?["error"]?["code"] == "model", "\(calls.map { $0.event.payload?.text ?? "" })")
                    #expect(task["result"]?["steps"]?.integer == calls.count)
                }
            }
            #expect(completed > tasks / 2)
            print(
                "tasks with model faults: \(tasks), completed: \(completed), faults: \(await tries.total - 5 * completed)"
            )
        }
    }

    private actor Tries {
        private var counts: [String: Int] = [:]
        var total: Int { counts.values.reduce(0, +) }

        func next(_ call: String) -> Int {
            defer { counts[call, default: 0] += 1 }
            return counts[call, default: 0]
        }
    }

    @Test func aSecondModelStandsInAndItsCostCounts() async throws {
        let script = Script()
        var options = TestService.Options()
        options.models = { $0.fallbacks = ["gemini/gemini-2.5-pro"] }
        options.hasForeignTurns = true
        try await TestService.run(
            options,
            script: { request in
                request.api == .chat && !request.toolNames.contains("submit_plan")
                    ? .status(402) : script.reply(to: request)
            }
        ) { test in
            let repository = try await SampleRepository.make(in: test.folder)
            let id = try await test.submit(goal(repository))
            let task = try await test.finish(id)
            #expect(task["status"]?.string == "COMPLETED", "\(task)")
            let logs = (task["logs"]?.array ?? []).compactMap(\.string)
            #expect(logs.count { $0 == "gemini/gemini-2.5-pro stood in for openai/gpt-4.1" } == 4)
            let journal = try await test.service.store.entries(of: id, after: 0, limit: .max)
            #expect(
                journal.count { $0.event.payload?.text.contains(#""stand_in":"gemini/gemini-2.5-pro""#) == true } == 4)
            let one = try #require(PriceTable.builtIn.cost(of: ScriptedReply.usage, model: "openai/gpt-4.1"))
            let four = try #require(PriceTable.builtIn.cost(of: ScriptedReply.usage, model: "gemini/gemini-2.5-pro"))
            guard case .number(let cost)? = task["result"]?["usage"]?["cost_usd"] else {
                Issue.record("the cost is not known: \(task)")
                return
            }
            #expect(abs(cost - one - 4 * four) < 1e-9)
        }
    }

    /// Each step adds what it added, and nothing of the steps before it.
    @Test func aJournalIsLinearInItsSteps() async throws {
        var script = Script()
        script.program = { _, turn in [("bash", ["command": .string("echo line \(turn) | tee -a log.txt")])] }
        let steps = { @Sendable (request: ScriptedRequest) in
            Int(request.firstUserText.firstMatch(of: /(\d+) steps/)?.1 ?? "") ?? 0
        }
        try await TestService.run(
            .init(settings: { $0.maxSteps = 200 }),
            script: { [script] request in
                request.turn == steps(request)
                    ? .turn(calls: [("submit", ["summary": "lines"])]) : script.reply(to: request)
            }
        ) { test in
            let repository = try await SampleRepository.make(in: test.folder)
            var bytes: [Int] = []
            for count in [25, 50, 100] {
                let task = try await test.perform([
                    "goal": .string("Write lines in \(count) steps"), "repo_url": .string(repository),
                    "test_command": "true", "skip_stages": ["planner", "reviewer"],
                ])
                #expect(task["status"]?.string == "COMPLETED", "\(task)")
                let id = try #require(task["id"]?.string)
                let journal = try await test.service.store.entries(of: id, after: 0, limit: .max)
                bytes.append(journal.reduce(0) { $0 + $1.json.utf8.count })
            }
            let (first, second) = (bytes[1] - bytes[0], bytes[2] - bytes[1])
            // Twice the steps, twice the bytes; the numbers in them have more digits.
            #expect(Double(second) < 2.2 * Double(first), "\(bytes)")
            print("journal of 100 steps: \(bytes[2] / 1024) KiB")
        }
    }
}
