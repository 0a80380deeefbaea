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

/// A task from its repository to its branch whose commands run in a cluster. Its pods need bash, git and tar, and no more.
struct WholeClusterTask {
    /// The settings of the cluster and its pods.
    var variables: [String: String]
    /// A folder of the test's own.
    var folder: String

    private static let source = """
        set -e
        export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
        git init --quiet -b main "$0"
        cd "$0"
        echo 4 >sum
        echo '[ "$(cat sum)" = 5 ]' >test.sh
        git add .
        git -c user.name=test -c user.email=test@example.com commit --quiet -m "Add a sum"
        """

    private func makeRepository() async throws {
        let result = try await Subprocess.run(
            .path("/bin/sh"), arguments: ["-c", Self.source, folder + "/repository"], output: .discarded,
            error: .string(limit: 1 << 16))
        try #require(result.terminationStatus.isSuccess, "\(result.standardError)")
    }

    /// The programmer looks, corrects the sum, and hands it in.
    private static func reply(to request: ScriptedRequest) -> ScriptedReply {
        switch request.turn {
        case 0: .turn(calls: [("bash", ["command": "cat sum; echo run >>/tmp/runs"])])
        // Only where the first command was run once, and this is the same pod.
        case 1: .turn(calls: [("bash", ["command": "[ \"$(cat /tmp/runs)\" = run ] && echo 5 >sum"])])
        default: .turn(calls: [("submit", ["summary": "the sum is 5"])])
        }
    }

    private func withModel<Result: Sendable>(
        gate: @escaping @Sendable (_ turn: Int) async -> Void,
        _ body: (_ variables: [String: String], ScriptedProvider) async throws -> Result
    ) async throws -> Result {
        try await makeRepository()
        return try await withScriptedProvider(foreignTurns: true) { request in
            await gate(request.turn)
            return Self.reply(to: request)
        } body: { provider in
            let model = [
                "MODEL_NAME": "openai-compatible/scripted", "OPENAI_BASE_URL": provider.url + "/v1",
                "OPENAI_API_KEY": "sk-scripted-0123456789", "SWE_AGENT_ALLOW_LOCAL_REPOS": "on",
            ]
            return try await body(variables.merging(model) { $1 }, provider)
        }
    }

    /// Has `swe-agent serve` do it, killed while the model is asked and started again.
    func check() async throws {
        let (opening, opened) = AsyncStream<Void>.makeStream()
        try await withModel(gate: { if $0 == 1 { for await _ in opening {} } }) { variables, provider in
            let (id, _) = try await RunningService.run(variables, in: folder, endedBy: .kill) { service in
                let id = try await submit(to: service.url, provider)
                while await provider.requests.count < 2 { try await Task.sleep(for: .milliseconds(5)) }
                return id
            }
            opened.finish()
            let (task, status) = try await RunningService.run(variables, in: folder) { service in
                _ = try await send(HTTPClientRequest(url: "\(service.url)/agent/tasks/\(id)/events"), provider)
                return try await send(HTTPClientRequest(url: "\(service.url)/agent/tasks/\(id)"), provider)
            }
            #expect(status == .exited(0))
            try check(JSONDecoder().decode(JSONValue.self, from: task))
        }
        try await checkBranch()
    }

    private func check(_ task: JSONValue) throws {
        #expect(task["status"]?.string == "COMPLETED", "\(task)")
        let tests = try #require(task["result"]?["tests"], "\(task)")
        #expect(tests["before"]?["exit_code"]?.integer == 1)
        #expect(tests["after"]?["exit_code"]?.integer == 0)
    }

    private func checkBranch() async throws {
        let branches = try await Subprocess.run(
            .path("/bin/sh"),
            arguments: [
                "-c", "cd \"$0\" && git show \"$(git branch --list 'swe-agent/*' | tr -d ' ')\":sum",
                folder + "/repository",
            ],
            output: .string(limit: 1 << 16), error: .string(limit: 1 << 16))
        #expect(branches.standardOutput == "5\n", "\(branches.standardError)")
    }

    private func submit(to url: String, _ provider: ScriptedProvider) async throws -> String {
        var request = HTTPClientRequest(url: url + "/agent/tasks")
        request.method = .POST
        let fields: JSONValue = [
            "goal": "Make the test pass", "repo_url": .string(folder + "/repository"), "test_command": "sh test.sh",
            "skip_stages": ["planner", "reviewer"],
        ]
        request.body = .bytes(try JSONEncoder().encode(fields))
        let body = try JSONDecoder().decode(JSONValue.self, from: try await send(request, provider))
        return try #require(body["task_id"]?.string, "\(body)")
    }

    private func send(_ request: HTTPClientRequest, _ provider: ScriptedProvider) async throws -> Data {
        let response = try await provider.client.execute(request, timeout: .seconds(240))
        return Data(buffer: try await response.body.collect(upTo: 16 << 20))
    }
}
