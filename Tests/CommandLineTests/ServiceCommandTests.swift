import Foundation
import LanguageModels
import Subprocess
import SystemPackage
import Testing

@testable import swe_agent

/// `swe-agent serve` and its client, `swe-agent task`.
struct ServiceCommandTests {
    /// Starts the service on a free port, runs `body`, and ends it with SIGTERM.
    ///
    /// - Parameters:
    ///   - token: What the service asks for.
    private func withService(
        token: String = "", _ body: @escaping @Sendable (_ url: String, _ repository: String) async throws -> Void
    ) async throws {
        try await withFolder { folder in
            try await ExampleRepository.make(at: folder + "/calculator")
            try ExampleRepository.trajectory.write(to: URL(filePath: folder + "/recording.jsonl"))
            let variables = [
                "MODEL_NAME": "replay/recording.jsonl", "SWE_AGENT_ALLOW_LOCAL_REPOS": "on",
                "SWE_AGENT_API_TOKEN": token,
            ]
            let (_, status) = try await RunningService.run(variables, in: folder) { service in
                try await body(service.url, folder + "/calculator")
            }
            #expect(status == .exited(0))
            #expect(FileManager.default.fileExists(atPath: folder + "/data/tasks.sqlite"))
        }
    }

    @Test func aTaskIsSubmittedFollowedAndFetched() async throws {
        try await withService { url, repository in
            func task(_ arguments: String...) async throws -> Program.Outcome {
                try await Program.run(["task"] + arguments, environment: ["SWE_AGENT_URL": url])
            }
            let submitted = try await task("submit", "--repo", repository, "--goal", "Make the tests pass again")
            #expect(submitted.exitCode == 0, "\(submitted)")
            let id = submitted.output.trimmingCharacters(in: .newlines)
            #expect(UUID(uuidString: id) != nil)

            let followed = try await task("logs", "--follow", id)
            #expect(followed.exitCode == 0, "\(followed)")
            #expect(followed.output.hasPrefix("Starting task...\nCloning repo...\n"))
            let logs = try await task("logs", id)
            #expect(logs.output.contains("PROGRAMMER: Executing plan...\n"))

            let shown = try await task("show", id)
            #expect(shown.output.contains("COMPLETED\n"))
            let json = try await task("show", id, "--json")
            let view = try JSONDecoder().decode(JSONValue.self, from: Data(json.output.utf8))
            #expect(view["id"]?.string == id)
            #expect(view["status"]?.string == "COMPLETED")

            let listed = try await task("list", "--status", "completed")
            #expect(listed.output.hasPrefix("\(id)  COMPLETED "))
            #expect(try await task("list", "--status", "failed").output == "")
            #expect(try await task("patch", id).output.hasPrefix("diff --git a/"))

            let late = try await task("cancel", id)
            #expect(late.exitCode == 1)
            #expect(late.errors.contains("not_now"))
            let unknown = try await task("show", UUID().uuidString)
            #expect(unknown.exitCode == 1)
            #expect(unknown.errors.contains("unknown_task"))
        }
    }

    @Test func aTokenIsAskedForAndSent() async throws {
        let token = "a-token-for-this-test"
        try await withService(token: token) { url, _ in
            func list(_ token: String) async throws -> Program.Outcome {
                try await Program.run(
                    ["task", "list"], environment: ["SWE_AGENT_URL": url, "SWE_AGENT_API_TOKEN": token])
            }
            #expect(try await list("\(token),another-one-for-others").exitCode == 0)
            for wrong in ["", "wrong-token-for-this-test"] {
                let outcome = try await list(wrong)
                #expect(outcome.exitCode == 1)
                #expect(outcome.errors.contains("unauthorized"))
            }
        }
    }

    @Test func othersAreNotServedWithoutAToken() async throws {
        try await withFolder { folder in
            for (token, says) in [
                ("", "SWE_AGENT_API_TOKEN is missing"), ("short", "SWE_AGENT_API_TOKEN is not usable"),
            ] {
                let outcome = try await Program.run(
                    ["serve", "--host", "0.0.0.0", "--port", "0", "--data", folder, "--workspace", folder],
                    environment: ["MODEL_NAME": "ops-4.5", "OPENAI_API_KEY": "k", "SWE_AGENT_API_TOKEN": token])
                #expect(outcome.exitCode == 2)
                #expect(outcome.errors.contains(says))
                #expect(!outcome.errors.contains("short"))
                #expect(outcome.errors.split(separator: "\n").count == 1)
            }
        }
    }

    @Test func aPortInUseIsOneLineAndTwo() async throws {
        try await withService { url, repository in
            let port = try #require(url.split(separator: ":").last.map(String.init))
            let outcome = try await Program.run(
                ["serve", "--port", port, "--data", repository + "/data", "--workspace", repository + "/workspace"],
                environment: ["MODEL_NAME": "replay/\(repository)/../recording.jsonl", "LOG_LEVEL": "critical"])
            #expect(outcome.exitCode == 2)
            #expect(outcome.errors.hasPrefix("swe-agent: cannot listen on 127.0.0.1, port \(port): "))
            #expect(outcome.errors.split(separator: "\n").count == 1)
        }
    }

    @Test func aPlanIsAnsweredAndATaskCancelled() async throws {
        try await withService { url, repository in
            func task(_ arguments: String...) async throws -> Program.Outcome {
                try await Program.run(["task"] + arguments, environment: ["SWE_AGENT_URL": url])
            }
            /// Submits a task and waits until it asks for its plan to be approved.
            func waiting() async throws -> String {
                let submitted = try await task(
                    "submit", "--repo", repository, "--goal", "Make the tests pass again", "--approve-plan")
                let id = submitted.output.trimmingCharacters(in: .newlines)
                while try await !task("show", id).output.contains("Answer with: ") {
                    try await Task.sleep(for: .milliseconds(50))
                }
                return id
            }
            let approved = try await waiting()
            #expect(try await task("answer", approved, "--approve").exitCode == 0)
            #expect(try await task("logs", "--follow", approved).exitCode == 0)
            #expect(try await task("show", approved).output.contains("COMPLETED\n"))

            let rejected = try await waiting()
            #expect(try await task("answer", rejected, "--reject").exitCode == 0)
            #expect(try await task("logs", "--follow", rejected).output.contains("FAILED: the plan was turned down"))

            let cancelled = try await waiting()
            #expect(try await task("cancel", cancelled).exitCode == 0)
            #expect(try await task("logs", "--follow", cancelled).output.contains("FAILED: the task was cancelled"))
        }
    }
}
