import AsyncHTTPClient
import Foundation
import LanguageModels
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Subprocess
import TestSupport
import Testing

@testable import swe_agent

/// SIGTERM: no new tasks, time for those at work to end, and what has not ended goes on after the next start.
struct DrainTests {
    private static let submission: JSONValue = [
        "goal": "Write a line", "test_command": "true", "skip_stages": ["planner", "reviewer"],
    ]

    /// Runs `body` with the settings of a service whose model answers its first request when `gate` ends.
    private func withModel(
        _ body: (
            _ variables: [String: String], _ folder: String, _ client: Client, _ gate: AsyncStream<Void>.Continuation
        ) async throws -> Void
    ) async throws {
        let (opening, gate) = AsyncStream<Void>.makeStream()
        try await withFolder { folder in
            try await ExampleRepository.make(at: folder + "/repository")
            try await withScriptedProvider { request in
                if request.turn == 0 {
                    for await _ in opening {}
                    return .turn(calls: [("bash", ["command": "echo line >> log.txt"])])
                }
                return .turn(calls: [("submit", ["summary": "a line"])])
            } body: { provider in
                let variables = [
                    "MODEL_NAME": "openai-compatible/scripted", "OPENAI_BASE_URL": provider.url + "/v1",
                    "OPENAI_API_KEY": "sk-scripted-0123456789", "SWE_AGENT_ALLOW_LOCAL_REPOS": "on",
                    "SWE_AGENT_MAX_RUNNING": "1",
                ]
                try await body(variables, folder, Client(provider: provider), gate)
            }
        }
    }

    @Test func tasksAtWorkEndAndNoneIsTakenMeanwhile() async throws {
        try await withModel { variables, folder, client, gate in
            let draining = variables.merging(["SWE_AGENT_DRAIN_SECONDS": "600"]) { $1 }
            let (ids, status) = try await RunningService.run(draining, in: folder) { service in
                let ids = [
                    try await client.submit(folder + "/repository", to: service.url),
                    try await client.submit(folder + "/repository", to: service.url),
                ]
                try await client.waitUntilTheModelIsAsked()
                #expect(try await client.get("\(service.url)/readyz").status == 200)
                try service.send(.terminate)
                while try await client.get("\(service.url)/readyz").status == 200 {
                    try await Task.sleep(for: .milliseconds(5))
                }
                let ready = try await client.get("\(service.url)/readyz")
                #expect(ready.status == 503)
                #expect(ready.body["error"]?["code"]?.string == "draining")
                #expect(try await client.get("\(service.url)/healthz").status == 200)
                await #expect(throws: Refusal(status: 503, code: "draining")) {
                    try await client.submit(folder + "/repository", to: service.url)
                }
                #expect(try await client.get("\(service.url)/agent/tasks/\(ids[0])").body["status"] == "RUNNING")
                gate.finish()
                return ids
            }
            #expect(status == .exited(0))
            try await Self.check(["COMPLETED", "QUEUED"], of: ids, variables, folder, client)
        }
    }

    @Test func whatHasNotEndedInTimeGoesOnAfterTheNextStart() async throws {
        try await withModel { variables, folder, client, gate in
            let draining = variables.merging(["SWE_AGENT_DRAIN_SECONDS": "1"]) { $1 }
            let (id, status) = try await RunningService.run(draining, in: folder) { service in
                let id = try await client.submit(folder + "/repository", to: service.url)
                try await client.waitUntilTheModelIsAsked()
                return id
            }
            #expect(status == .exited(0))
            try await Self.check(["RUNNING"], of: [id], variables, folder, client)
            gate.finish()
            _ = try await RunningService.run(variables, in: folder) { service in
                _ = try await client.get("\(service.url)/agent/tasks/\(id)/events")
                #expect(try await client.get("\(service.url)/agent/tasks/\(id)").body["status"] == "COMPLETED")
            }
        }
    }

    /// Looks at where tasks stand without going on with them.
    private static func check(
        _ statuses: [JSONValue], of ids: [String], _ variables: [String: String], _ folder: String, _ client: Client
    ) async throws {
        let idle = variables.merging(["SWE_AGENT_MAX_RUNNING": "0"]) { $1 }
        _ = try await RunningService.run(idle, in: folder) { service in
            for (id, status) in zip(ids, statuses) {
                let task = try await client.get("\(service.url)/agent/tasks/\(id)").body
                #expect(task["status"] == status)
            }
        }
    }

    private struct Refusal: Error, Equatable {
        var status: Int
        var code: String?
    }

    /// As much of a client as is needed here.
    private struct Client: Sendable {
        let provider: ScriptedProvider

        func waitUntilTheModelIsAsked() async throws {
            while await provider.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        }

        @discardableResult
        func submit(_ repository: String, to url: String) async throws -> String {
            var request = HTTPClientRequest(url: url + "/agent/tasks")
            request.method = .POST
            var fields = DrainTests.submission.object ?? [:]
            fields["repo_url"] = .string(repository)
            request.body = .bytes(try JSONEncoder().encode(JSONValue.object(fields)))
            let (status, body) = try await send(request)
            guard let id = body["task_id"]?.string else {
                throw Refusal(status: status, code: body["error"]?["code"]?.string)
            }
            return id
        }

        func get(_ url: String) async throws -> (status: Int, body: JSONValue) {
            try await send(HTTPClientRequest(url: url))
        }

        private func send(_ request: HTTPClientRequest) async throws -> (status: Int, body: JSONValue) {
            let response = try await provider.client.execute(request, timeout: .seconds(120))
            let bytes = Data(buffer: try await response.body.collect(upTo: 16 << 20))
            return (Int(response.status.code), (try? JSONDecoder().decode(JSONValue.self, from: bytes)) ?? .null)
        }
    }
}
