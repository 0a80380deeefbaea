import Agents
import AsyncHTTPClient
import Foundation
import LanguageModels
import Logging
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Sandboxes
import Server
import TaskStore
import TestSupport
import Testing
import Workflow

/// The whole service on loopback with real parts; only the model's answers are scripted.
struct TestService: Sendable {
    let url: String
    let folder: String
    let service: TaskService
    let provider: ScriptedProvider

    struct Options: Sendable {
        var limits = TaskService.Limits(running: 4, queued: 100)
        var settings: @Sendable (inout TaskSettings) -> Void = { _ in }
        var models: @Sendable (inout ModelSettings) -> Void = { _ in }
        var prices = PriceTable.builtIn
        var modelID = "openai/gpt-4.1"
        var token: String?
        var remoteHosts = RemoteHosts.all
        var access = Access()
        var requestTimeout = Duration.seconds(60)
        /// Whether the directories of tasks that have ended stay.
        var keepsWorkspaces = false
        /// Whether conversations may hold turns of other models.
        var hasForeignTurns = false
        /// Where data and workspaces are; a folder of the run's own where it is not given.
        var folder: String?
    }

    static func run(
        _ options: Options = Options(),
        script: @escaping @Sendable (ScriptedRequest) async -> ScriptedReply,
        _ body: @escaping @Sendable (TestService) async throws -> Void
    ) async throws {
        let folder = options.folder ?? NSTemporaryDirectory() + "service-\(UUID().uuidString)"
        defer { if options.folder == nil { try? FileManager.default.removeItem(atPath: folder) } }
        try await withScriptedProvider(foreignTurns: options.hasForeignTurns, script: script) { provider in
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            var settings = TaskSettings(repositories: folder + "/data/repositories", model: options.modelID)
            settings.allowLocalRepositories = true
            settings.keepWorkspaces = options.keepsWorkspaces
            options.settings(&settings)
            var sandbox = LocalSandboxSettings()
            sandbox.hiddenDirectories = [folder + "/data"]
            var models = provider.settings
            options.models(&models)
            let catalog = ModelCatalog(settings: models, client: provider.client)
            let runner = TaskRunner(
                settings: settings,
                sandboxes: try await LocalSandboxProvider(
                    root: folder + "/workspace", settings: sandbox,
                    hostEnvironment: ProcessInfo.processInfo.environment),
                git: GitClient(
                    identity: .init(name: "swe-agent-bot", email: "bot@example.com"),
                    credential: options.token.flatMap { GitCredential(token: $0) },
                    remoteHosts: options.remoteHosts, taskDirectory: folder + "/workspace"),
                prices: options.prices,
                logger: logger
            ) { try catalog.model(named: $0) }
            try await SQLiteRunStore.withStore(in: folder + "/data") { store in
                let service = TaskService(
                    store: store, runner: runner, limits: options.limits,
                    executor: store.executor, logger: logger)
                let (ports, portSource) = AsyncStream.makeStream(of: Int.self)
                let server = APIServer(
                    service: service, address: .init(port: 0), access: options.access,
                    requestTimeout: options.requestTimeout, version: "test", logger: logger
                ) { portSource.yield($0) }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { try await service.run() }
                    group.addTask { try await server.run() }
                    let port = try #require(await ports.first { _ in true })
                    try await body(
                        TestService(
                            url: "http://127.0.0.1:\(port)", folder: folder, service: service, provider: provider))
                }
            }
        }
    }

    struct Answer: Sendable {
        var status: Int
        var headers: [String: String]
        var body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        var json: JSONValue? { try? JSONDecoder().decode(JSONValue.self, from: Data(body)) }
        var errorCode: String? { json?["error"]?["code"]?.string }
    }

    func send(
        _ method: String, _ path: String, _ body: String? = nil, headers: [(String, String)] = []
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url + path)
        request.method = .init(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body))
        }
        let response = try await provider.client.execute(request, timeout: .seconds(120))
        let bytes = try await response.body.collect(upTo: 64 << 20)
        return Answer(
            status: Int(response.status.code),
            headers: Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first },
            body: Array(bytes.readableBytesView))
    }

    /// Submits a task and returns its id.
    func submit(_ fields: [String: JSONValue]) async throws -> String {
        let body = String(decoding: try JSONEncoder().encode(JSONValue.object(fields)), as: UTF8.self)
        let answer = try await send("POST", "/agent/tasks", body)
        #expect(answer.status == 202, "\(answer.text)")
        return try #require(answer.json?["task_id"]?.string)
    }

    /// Follows a task's events to its end and returns what GET says then.
    func finish(_ id: String) async throws -> JSONValue {
        _ = try await send("GET", "/agent/tasks/\(id)/events")
        let answer = try await send("GET", "/agent/tasks/\(id)")
        #expect(answer.status == 200)
        return try #require(answer.json)
    }

    func perform(_ fields: [String: JSONValue]) async throws -> JSONValue {
        try await finish(try await submit(fields))
    }

    /// Waits until a task's journal holds an entry that is looked for.
    func wait(for id: String, _ isIt: @escaping @Sendable (String) -> Bool) async throws {
        var sequence: Int64 = 0
        while true {
            for entry in try await service.store.entries(of: id, after: sequence, limit: .max) {
                if isIt(entry.json) { return }
                sequence = entry.sequence
            }
            try await service.store.waitForEntry(of: id, after: sequence)
        }
    }
}

/// A repository with a bug that its tests show.
enum SampleRepository {
    /// Makes a bare repository with one commit on `main`, and returns its path.
    static func make(in folder: String, files: [String: String] = broken) async throws -> String {
        let work = folder + "/sample-work"
        let bare = folder + "/sample.git"
        for (name, text) in files {
            let file = URL(filePath: work).appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        try await git("init", "-q", "-b", "main", work)
        try await git("-C", work, "add", "-A")
        try await git("-C", work, "commit", "-q", "-m", "Begin")
        try await git("clone", "-q", "--bare", work, bare)
        return bare
    }

    static let broken = [
        "calc.py": "def add(a, b):\n    return a - b\n",
        "test_calc.py": """
        import unittest
        from calc import add
        class Test(unittest.TestCase):
            def test_add(self): self.assertEqual(add(2, 2), 4)
            def test_zero(self): self.assertEqual(add(0, 0), 0)

        """,
        ".gitignore": "__pycache__/\n",
    ]
    static let test: JSONValue = "python3 -m unittest"
    static let fixed = "def add(a, b):\n    return a + b\n"

    @discardableResult
    static func git(_ arguments: String..., input: [UInt8] = []) async throws -> String {
        let identity = [
            "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.com", "GIT_COMMITTER_NAME": "t",
            "GIT_COMMITTER_EMAIL": "t@example.com", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
            "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "",
        ]
        let outcome = try await HostCommand(
            executable: "git", arguments: arguments, environment: identity, input: input
        ).run()
        let output = String(decoding: outcome.stdout, as: UTF8.self)
        guard outcome.exitCode == 0 else {
            throw TestFailure("git \(arguments): \(String(decoding: outcome.stderr, as: UTF8.self))")
        }
        return output
    }
}

struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// What the scripted model says in each stage.
struct Script: Sendable {
    typealias Calls = [(name: String, arguments: JSONValue)]

    var plan: Calls = [
        (
            "submit_plan",
            ["summary": "add subtracts", "steps": [["title": "Fix add", "check": "the tests pass"]]]
        )
    ]
    /// The programmer's turns, by round and turn.
    var program: @Sendable (_ round: Int, _ turn: Int) -> Calls = { _, turn in
        switch turn {
        case 0: [("bash", ["command": "cat calc.py"])]
        case 1: [("edit_file", ["path": "calc.py", "old_text": "a - b", "new_text": "a + b"])]
        default: [("submit", ["summary": "add adds now"])]
        }
    }
    /// The reviewer's judgement, by round.
    var review: @Sendable (_ round: Int) -> Calls = { _ in
        [("submit_review", ["approved": true, "findings": []])]
    }

    func reply(to request: ScriptedRequest) -> ScriptedReply {
        let first = request.firstUserText
        if request.toolNames.contains("submit_plan") { return .turn(text: "I plan.", calls: plan) }
        if request.toolNames.contains("submit_review") {
            return .turn(calls: review(first.contains("Findings of earlier rounds") ? 2 : 1))
        }
        let round = first.contains("The review's findings") ? 2 : 1
        return .turn(text: "I work.", calls: program(round, request.turn))
    }
}

extension ScriptedRequest {
    /// What the conversation began with, whatever the API.
    var firstUserText: String {
        let messages = body["messages"]?.array ?? body["input"]?.array ?? body["contents"]?.array ?? []
        guard let first = messages.first(where: { $0["role"]?.string == "user" }) else { return "" }
        if let text = first["content"]?.string { return text }
        let parts = first["content"]?.array ?? first["parts"]?.array ?? []
        return parts.compactMap { $0["text"]?.string }.joined()
    }
}
