import AsyncHTTPClient
import Foundation
import LanguageModels
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Subprocess
import SystemPackage
import TestSupport
import Testing

@testable import swe_agent

/// The service is killed with SIGKILL in the middle of its work, and started again.
@Suite struct CrashTests {
    private static let tasks = 20
    private static let commands = 6

    /// How far the tasks may come before the service is killed.
    private actor Gate {
        private(set) var waiting = 0
        private var limit = 0
        private var waiters: [CheckedContinuation<Void, Never>] = []
        private var observers: [CheckedContinuation<Void, Never>] = []

        /// Lets the turns before `limit` pass.
        func open(before limit: Int) {
            self.limit = limit
            waiting = 0
            wake()
        }

        private func wake() {
            for waiter in waiters { waiter.resume() }
            waiters = []
        }

        /// Returns once the turn may pass, or the client is gone.
        func pass(_ turn: Int) async {
            guard turn >= limit else { return }
            waiting += 1
            for observer in observers { observer.resume() }
            observers = []
            while turn >= limit, !Task.isCancelled {
                await withTaskCancellationHandler {
                    // Looked at once more, as the limit may rise before this is called.
                    await withCheckedContinuation {
                        if turn < limit || Task.isCancelled { $0.resume() } else { waiters.append($0) }
                    }
                } onCancel: {
                    Task { await wake() }
                }
            }
        }

        /// Returns once so many requests wait.
        func wait(for count: Int) async {
            while waiting < count {
                await withCheckedContinuation { if waiting < count { observers.append($0) } else { $0.resume() } }
            }
        }
    }

    /// Each programmer appends numbered lines to a file, one command a line, and hands that in.
    private static func reply(to request: ScriptedRequest) -> ScriptedReply {
        switch request.turn {
        case 0..<commands: .turn(calls: [("bash", ["command": .string("echo line \(request.turn) >> log.txt")])])
        default: .turn(calls: [("submit", ["summary": "lines"])])
        }
    }

    @Test func everyTaskGoesOnAndNothingHappensTwice() async throws {
        try await withFolder { folder in
            try await ExampleRepository.make(at: folder + "/repository")
            let gate = Gate()
            try await withScriptedProvider(foreignTurns: true) { request in
                await gate.pass(request.turn)
                return Self.reply(to: request)
            } body: { provider in
                let variables = [
                    "MODEL_NAME": "openai-compatible/scripted", "OPENAI_BASE_URL": provider.url + "/v1",
                    "OPENAI_API_KEY": "sk-scripted-0123456789", "SWE_AGENT_ALLOW_LOCAL_REPOS": "on",
                    "SWE_AGENT_MAX_RUNNING": "\(Self.tasks)",
                ]
                let client = Client(http: provider.client)
                var ids: [String] = []
                // Three lives: the first is killed once it has accepted everything and is in the middle of it, the second in
                // the middle of what is left; the third comes to the end.
                for life in 1...3 {
                    await gate.open(before: life < 3 ? 2 * life : .max)
                    (ids, _) = try await RunningService.run(variables, in: folder, endedBy: .kill) { [ids] service in
                        let url = service.url
                        var accepted = ids
                        while accepted.count < Self.tasks {
                            accepted.append(try await client.submit(folder + "/repository", to: url))
                        }
                        if life < 3 {
                            // The other half is somewhere on the way there.
                            await gate.wait(for: Self.tasks / 2)
                        } else {
                            for id in accepted { try await client.follow(id, at: url) }
                            for id in accepted {
                                let task = try await client.get("\(url)/agent/tasks/\(id)")
                                #expect(task["status"]?.string == "COMPLETED", "\(task)")
                                #expect(task["steps"]?.integer == Self.commands + 1)
                                let patch = try await client.text("\(url)/agent/tasks/\(id)/patch")
                                let lines = patch.split(separator: "\n").filter { $0.hasPrefix("+line ") }
                                #expect(lines == (0..<Self.commands).map { "+line \($0)" }, "\(id)")
                            }
                        }
                        return accepted
                    }
                }
                // Only a call that was in flight when the service died may have been made again: at most one a task and life.
                let most = Self.tasks * (Self.commands + 1) + 2 * Self.tasks
                #expect(await provider.requests.count <= most)
                #expect(await provider.violations.isEmpty)
            }
            let branches = try await Subprocess.run(
                .name("git"), arguments: ["-C", folder + "/repository", "for-each-ref", "refs/heads/swe-agent"],
                output: .string(limit: 1 << 20))
            #expect(branches.standardOutput.split(separator: "\n").count == Self.tasks)
        }
    }

    /// As much of a client as is needed here.
    private struct Client: Sendable {
        let http: HTTPClient

        func submit(_ repository: String, to url: String) async throws -> String {
            var request = HTTPClientRequest(url: url + "/agent/tasks")
            request.method = .POST
            let fields: JSONValue = [
                "goal": "Write lines", "repo_url": .string(repository), "test_command": "true",
                "skip_stages": ["planner", "reviewer"],
            ]
            request.body = .bytes(try JSONEncoder().encode(fields))
            let response = try await http.execute(request, timeout: .seconds(60))
            let body = try await response.body.collect(upTo: 1 << 20)
            return try #require(
                try JSONDecoder().decode(JSONValue.self, from: Data(buffer: body))["task_id"]?.string)
        }

        func text(_ url: String) async throws -> String {
            let response = try await http.execute(HTTPClientRequest(url: url), timeout: .seconds(120))
            return String(buffer: try await response.body.collect(upTo: 16 << 20))
        }

        func get(_ url: String) async throws -> JSONValue {
            try JSONDecoder().decode(JSONValue.self, from: Data(try await text(url).utf8))
        }

        /// Returns when the task has ended.
        func follow(_ id: String, at url: String) async throws {
            _ = try await text("\(url)/agent/tasks/\(id)/events")
        }
    }
}
