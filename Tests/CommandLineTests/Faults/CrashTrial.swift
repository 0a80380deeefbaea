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

/// One task from its submission to its end, in as many lives of the service as it takes.
///
/// The client does what a good client does: it submits with an idempotency key, and asks again in the next life.
struct CrashTrial: Sendable {
    /// The name of the model and of the repository, so that what they are asked can be told apart.
    let name: String
    let ground: CrashGround

    /// How it went.
    struct Report: Sendable {
        /// What is the same in a run that nothing disturbed.
        var outcome: Outcome
        var lives: Int
        /// How often the store broke the task off without the service dying.
        var brokenOff: Int
        /// How many entries were on disk when the service died, for each death.
        var positions: [Int]
        /// How often each request came to the model.
        var modelCalls: [String: Int]
        /// What was left when the last life had ended.
        var leftovers: [String]
        /// The branches that the remote has beside `main`, and the commits on them.
        var branches: Int
        var commits: Int
    }

    struct Outcome: Sendable, Equatable {
        var status: String?
        var logs: [String]
        var patch: String
        var steps: JSONValue?
        var usage: JSONValue?
        var reviews: JSONValue?
        var push: JSONValue?
    }

    private var folder: String { "\(ground.folder)/\(name)" }
    private var repository: String { "\(ground.folder)/remotes/\(name).git" }

    /// Runs the task; each fault ends a life, and the life after the last one is not disturbed.
    func run(_ faults: [Fault]) async throws -> Report {
        let files = FileManager.default
        try files.createDirectory(atPath: folder + "/tmp", withIntermediateDirectories: true)
        try files.copyItem(atPath: ground.template, toPath: repository)
        defer {
            try? files.removeItem(atPath: folder)
            try? files.removeItem(atPath: repository)
        }
        var lives = 0
        var brokenOff = 0
        var positions: [Int] = []
        var task: Ending?
        for fault in faults.map(Optional.some) + [nil] {
            lives += 1
            let (ending, count) = try await live(fault)
            task = ending
            brokenOff += count
            if task != nil { break }
            positions.append(try await entriesOnDisk())
        }
        let ending = try #require(task, "the last life did not end the task")
        let git = { (arguments: [String]) in
            try await Subprocess.run(
                .name("git"), arguments: Arguments(["-C", repository] + arguments), output: .string(limit: 1 << 20)
            ).standardOutput.split(separator: "\n")
        }
        let branches = try await git(["for-each-ref", "--format=%(refname)", "refs/heads/swe-agent"])
        return Report(
            outcome: Outcome(ending.task, patch: ending.patch),
            lives: lives,
            brokenOff: brokenOff,
            positions: positions,
            modelCalls: await ground.modelCalls(of: name),
            leftovers: try Leftovers.find(of: folder),
            branches: branches.count,
            commits: try await git(["rev-list", "--branches=swe-agent/*", "^main"]).count)
    }

    /// Starts the service and does what a client does.
    ///
    /// - Returns: The task once it has ended; `nil` where the service ended first.
    private func live(_ fault: Fault?) async throws -> (Ending?, brokenOff: Int) {
        var variables = fault?.variables ?? [:]
        variables.merge([
            "MODEL_NAME": "openai-compatible/\(name)", "OPENAI_BASE_URL": ground.provider.url + "/v1",
            "OPENAI_API_KEY": "sk-scripted-0123456789", "TMPDIR": folder + "/tmp",
        ]) { $1 }
        let outcome = try await ServiceProcess.run(
            variables, in: folder, onStart: { await ground.arm(name, fault, process: $0) }
        ) { url, _ in try await use(url) }
        if fault == nil { #expect(outcome.status == .exited(0), "\(name): \(outcome.log)") }
        // It may also die when the task has ended and it goes down itself.
        let ending = outcome.status == .exited(0) ? try outcome.result?.get() : nil
        return (ending, outcome.log.matches(of: /was broken off/).count)
    }

    /// What a client sees of a task that has ended.
    private struct Ending: Sendable {
        var task: JSONValue
        var patch: String
    }

    private func use(_ url: String) async throws -> Ending {
        var submission = HTTPClientRequest(url: url + "/agent/tasks")
        submission.method = .POST
        submission.headers.add(name: "Idempotency-Key", value: name)
        let fields: JSONValue = [
            "goal": "Write lines into the log", "repo_url": .string("\(ground.gitOrigin)/\(name).git"),
            "test_command": "test ! -e broken",
        ]
        submission.body = .bytes(try JSONEncoder().encode(fields))
        var accepted = try await fetch(submission)
        while accepted["error"]?["code"] == "store_unavailable" {
            try await Task.sleep(for: .milliseconds(20))
            accepted = try await fetch(submission)
        }
        let id = try #require(accepted["task_id"]?.string, "\(accepted)")
        let events = try await ground.provider.client.execute(
            HTTPClientRequest(url: "\(url)/agent/tasks/\(id)/events"), timeout: .seconds(300))
        for try await _ in events.body {}
        return Ending(
            task: try await fetch(HTTPClientRequest(url: "\(url)/agent/tasks/\(id)")),
            patch: String(buffer: try await bytes(HTTPClientRequest(url: "\(url)/agent/tasks/\(id)/patch"))))
    }

    private func fetch(_ request: HTTPClientRequest) async throws -> JSONValue {
        try JSONDecoder().decode(JSONValue.self, from: Data(buffer: try await bytes(request)))
    }

    private func bytes(_ request: HTTPClientRequest) async throws -> ByteBuffer {
        let response = try await ground.provider.client.execute(request, timeout: .seconds(120))
        return try await response.body.collect(upTo: 16 << 20)
    }

    private func entriesOnDisk() async throws -> Int {
        let script = """
            import sqlite3, sys
            try: print(sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True).execute(
                "select count(*) from entries").fetchone()[0])
            except sqlite3.Error: print(0)
            """
        // A copy, as looking at the log of a dead writer would mend it.
        let copy = folder + "/look"
        try FileManager.default.copyItem(atPath: folder + "/data", toPath: copy)
        defer { try? FileManager.default.removeItem(atPath: copy) }
        let result = try await Subprocess.run(
            .name("python3"), arguments: ["-c", script, copy + "/tasks.sqlite"], output: .string(limit: 100))
        return Int(result.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }
}

extension CrashTrial.Outcome {
    /// What two runs of a task have in common: not its id, its times and its commit.
    fileprivate init(_ task: JSONValue, patch: String) {
        let id = task["id"]?.string ?? ""
        status = task["status"]?.string
        let commit = task["result"]?["commit"]?.string ?? "no commit"
        logs = (task["logs"]?.array ?? []).compactMap {
            $0.string?.replacing(id.prefix(8), with: "ID").replacing(commit.prefix(12), with: "COMMIT")
        }
        self.patch = patch
        steps = task["steps"]
        usage = task["result"]?["usage"]
        reviews = task["result"]?["reviews"]
        push = task["result"]?["push"]
    }
}
