import AsyncHTTPClient
import Foundation
import LanguageModels
import Subprocess
import TestSupport
import Testing

@testable import swe_agent

/// The service with more tasks than it can do, clients that come and go, and an end in between.
@Suite(.timeLimit(.minutes(30)))
struct LoadFaultTests {
    /// How much of it there is.
    struct Plan: Sendable {
        /// Tasks submitted at once, and tasks at work at once.
        var tasks: Int
        var running: Int
        /// Seconds that each of the two lives of the service lasts.
        var seconds: Double

        static let current: Plan =
            switch FaultRounds.current {
            case .seconds: Plan(tasks: 60, running: 12, seconds: 6)
            case .short: Plan(tasks: 1000, running: 200, seconds: 60)
            case .full: Plan(tasks: 1000, running: 200, seconds: 300)
            }
    }

    private static let tokens = ["a-client-with-many-tasks", "a-client-with-few-tasks"]

    /// A model that takes its time, as real ones do, and has one command run.
    private static func reply(to request: ScriptedRequest) async -> ScriptedReply {
        var generator = SystemRandomNumberGenerator()
        try? await Task.sleep(for: .milliseconds(Int.random(in: 300...2000, using: &generator)))
        return request.turn == 0
            ? .turn(calls: [("bash", ["command": "echo line > log.txt"])])
            : .turn(calls: [("submit", ["summary": "A line."])])
    }

    @Test func nothingIsLostAndNothingGrows() async throws {
        let plan = Plan.current
        try await withFolder { folder in
            try await ExampleRepository.make(at: folder + "/repository")
            try FileManager.default.createDirectory(atPath: folder + "/tmp", withIntermediateDirectories: true)
            try await withScriptedProvider(foreignTurns: true, script: Self.reply) { provider in
                let variables = [
                    "MODEL_NAME": "openai-compatible/scripted", "OPENAI_BASE_URL": provider.url + "/v1",
                    "OPENAI_API_KEY": "sk-scripted-0123456789", "SWE_AGENT_ALLOW_LOCAL_REPOS": "on",
                    "SWE_AGENT_MAX_RUNNING": "\(plan.running)", "SWE_AGENT_MAX_QUEUED": "100000",
                    "SWE_AGENT_API_TOKEN": Self.tokens.joined(separator: ","), "GIT_PUSH": "never",
                    "LOG_LEVEL": "notice", "TMPDIR": folder + "/tmp",
                ]
                let log = LoadLog()
                for life in 1...2 {
                    let outcome = try await ServiceProcess.run(variables, in: folder) {
                        url, process in
                        let client = LoadClient(
                            url: url, tokens: Self.tokens, repository: folder + "/repository", log: log)
                        try await client.use(for: plan, isFirst: life == 1, process: process)
                    }
                    try #require(outcome.result, "\(outcome.log)").get()
                    #expect(outcome.status == .exited(0), "\(outcome.log)")
                }
                #expect(await provider.violations.isEmpty)
                try await Self.check(log, plan, in: folder)
            }
        }
    }

    private static func check(_ log: LoadLog, _ plan: Plan, in folder: String) async throws {
        let left = try Leftovers.find(of: folder)
        #expect(left == [])
        let outcome = try await Program.run(["data", "check", "--json"], in: folder)
        let check = try JSONDecoder().decode(JSONValue.self, from: Data(outcome.output.utf8))
        #expect(check["problems"] == [])
        let counts = (check["tasks"]?.object ?? [:]).compactMapValues(\.integer)
        let accepted = await log.accepted
        #expect(Set(counts.keys).isSubset(of: ["completed", "failed", "cancelled"]), "\(counts)")
        #expect(counts["failed"] == nil, "\(counts)")
        #expect(counts["completed"] ?? 0 > plan.running, "\(counts)")
        let tasks = try await export(from: folder)
        // The answers to some submissions may have been lost when a life ended.
        let known = Set(tasks.map(\.id))
        #expect(known.isSuperset(of: accepted))
        #expect(known.count <= accepted.count + 10)
        try checkFairness(plan, tasks)

        let latencies = await log.latencies.sorted()
        let samples = await log.samples
        let last = try #require(samples.last)
        print(
            """
            load: \(accepted.count) tasks (\(counts)), \(plan.running) at once, \(Int(plan.seconds) * 2) s, \
            \(await log.streams) event streams, \(await log.cancels) cancelled
            POST: p50 \(latencies[latencies.count / 2].inMilliseconds), p99 \(latencies[latencies.count * 99 / 100].inMilliseconds), \
            most \(latencies[latencies.count - 1].inMilliseconds)
            memory: at most \(samples.map(\.memory).max()! >> 20) MiB, at the end \(last.memory >> 20) MiB, \
            slope \(await log.slope) MiB a minute; file descriptors: at most \(samples.map(\.files).max()!), at the end \(last.files)
            """)
        // With no task and no client left, what is open is what was open at the start.
        #expect(last.files <= samples[0].files + 10, "\(last) after \(samples[0])")
        #expect(last.memory < 1 << 30)
    }

    private struct Submitted {
        var id: String
        var client: String
        var submitted: Double
        var started: Double?
    }

    /// What the database says of all tasks.
    private static func export(from folder: String) async throws -> [Submitted] {
        let export = try await Program.run(["data", "export", "load.jsonl"], in: folder)
        #expect(export.exitCode == 0, "\(export)")
        var tasks: [Submitted] = []
        for line in try String(contentsOfFile: folder + "/load.jsonl", encoding: .utf8).split(separator: "\n") {
            guard line.hasPrefix(#"{"task""#) || line.contains(#""kind":"started""#) else { continue }
            let value = try JSONDecoder().decode(Line.self, from: Data(line.utf8))
            if let task = value.task {
                tasks.append(Submitted(id: task.id, client: task.client ?? "", submitted: task.created))
            } else if let entry = value.entry, let last = tasks.indices.last, tasks[last].started == nil {
                tasks[last].started = entry.time
            }
        }
        return tasks
    }

    /// From when the client with few tasks had brought them, each of its tasks began after at most one of the other client's.
    private static func checkFairness(_ plan: Plan, _ tasks: [Submitted]) throws {
        let clients = Dictionary(grouping: tasks, by: \.client).values.sorted { $0.count > $1.count }
        try #require(clients.count == 2)
        let (many, few) = (clients[0], clients[1])
        // The first lot of the few only; more comes later from both.
        let lot = few.sorted { $0.submitted < $1.submitted }.prefix(plan.tasks / 10)
        let brought = lot.map(\.submitted).max() ?? 0
        let starts = lot.compactMap(\.started).filter { $0 > brought }
        let end = starts.max() ?? brought
        let others = many.count { $0.started.map { brought < $0 && $0 <= end } ?? false }
        print("fairness: \(starts.count) tasks of the client with few began beside \(others) of the client with many")
        #expect(others <= starts.count + 10)
    }

    private struct Line: Decodable {
        struct Item: Decodable {
            var id: String
            var client: String?
            var created: Double
        }

        struct Entry: Decodable {
            var time: Double
        }

        var task: Item?
        var entry: Entry?
    }
}

extension Duration {
    fileprivate var inMilliseconds: String { "\(Int((self / .milliseconds(1)).rounded())) ms" }
}
