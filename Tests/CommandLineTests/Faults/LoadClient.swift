import AsyncHTTPClient
import Foundation
import LanguageModels
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Testing

@testable import swe_agent

/// What was done to a service, and how it took it.
actor LoadLog {
    struct Sample: Sendable {
        var time: ContinuousClock.Instant
        /// Resident bytes.
        var memory: Int
        var files: Int
    }

    private(set) var accepted: [String] = []
    /// When the life that is on ends; `nil` until all tasks of its beginning are submitted.
    private var end: ContinuousClock.Instant?
    private(set) var latencies: [Duration] = []
    private(set) var samples: [Sample] = []
    private(set) var streams = 0
    private(set) var cancels = 0

    func accept(_ id: String, after latency: Duration) {
        accepted.append(id)
        latencies.append(latency)
    }

    func begin() { end = nil }
    func end(after seconds: Double) { end = .now + .seconds(seconds) }
    var isOver: Bool { end.map { $0 < .now } ?? false }

    func add(_ sample: Sample) { samples.append(sample) }
    func addStream() { streams += 1 }
    func addCancel() { cancels += 1 }

    /// How much memory grew, by least squares over the middle of the second life, in MiB a minute.
    var slope: Double {
        let part = samples[(samples.count * 6 / 10)..<(samples.count * 9 / 10)]
        guard let start = part.first?.time, part.count > 2 else { return 0 }
        let points = part.map { (x: ($0.time - start) / .seconds(60), y: Double($0.memory) / 1048576) }
        let (x, y) = points.reduce((0, 0)) { ($0.0 + $1.x / Double(points.count), $0.1 + $1.y / Double(points.count)) }
        let products = points.reduce((0.0, 0.0)) { ($0.0 + ($1.x - x) * ($1.y - y), $0.1 + ($1.x - x) * ($1.x - x)) }
        return (products.0 / products.1 * 100).rounded() / 100
    }
}

/// Many clients of a service: some submit, some cancel, some watch slowly, some go away in the midst.
struct LoadClient: Sendable {
    let url: String
    let tokens: [String]
    let repository: String
    let log: LoadLog

    /// Uses the service for a time; in its last life until all tasks have ended.
    func use(for plan: LoadFaultTests.Plan, isFirst: Bool, process: Int32) async throws {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 300
        let http = HTTPClient(configuration: configuration)
        // How quick the service answers is measured where nothing else of this process runs: not its model, nor the
        // readers of event streams.
        let quiet = EventLoopExecutor.requests
        let submissions = HTTPClient(eventLoopGroup: quiet.group)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                await log.begin()
                group.addTask { try await sample(process) }
                group.addTask(executorPreference: quiet) { try await submit(plan, isFirst, submissions) }
                for reader in 0..<30 { group.addTask { try await watch(reader, http) } }
                group.addTask { try await cancelSome(http) }
                // The sampler is the first to end.
                try await group.next()
                group.cancelAll()
                while let result = await group.nextResult() {
                    if case .failure(let error) = result, !(error is CancellationError), !isCancelled(error) {
                        throw error
                    }
                }
            }
            if !isFirst {
                try await endAll(http)
            }
        } catch {
            try? await submissions.shutdown()
            try? await http.shutdown()
            throw error
        }
        try await submissions.shutdown()
        try await http.shutdown()
        if !isFirst { try await rest(process) }
    }

    private func isCancelled(_ error: any Error) -> Bool { error as? HTTPClientError == .cancelled }

    // MARK: - Clients

    /// The first client brings nine of ten tasks, then the other brings its own, and both keep the queue long.
    private func submit(_ plan: LoadFaultTests.Plan, _ isFirst: Bool, _ http: HTTPClient) async throws {
        if isFirst {
            try await submit(plan.tasks * 9 / 10, as: 0, http)
            try await submit(plan.tasks / 10, as: 1, http)
        }
        await log.end(after: plan.seconds)
        while true {
            try await submit(1, as: Int.random(in: 0...1), http)
            try await Task.sleep(for: .milliseconds(300))
        }
    }

    private func submit(_ count: Int, as client: Int, _ http: HTTPClient) async throws {
        let fields: JSONValue = [
            "goal": "Write a line", "repo_url": .string(repository), "test_command": "true",
            "skip_stages": ["planner", "reviewer"],
        ]
        let body = try JSONEncoder().encode(fields)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<count {
                if number >= 4 { try await group.next() }
                group.addTask {
                    var request = request("/agent/tasks", as: client)
                    request.method = .POST
                    request.body = .bytes(body)
                    let start = ContinuousClock.now
                    let response = try await http.execute(request, timeout: .seconds(120))
                    let answer = try await response.body.collect(upTo: 1 << 20)
                    let latency = ContinuousClock.now - start
                    let id = try JSONDecoder().decode(JSONValue.self, from: Data(buffer: answer))["task_id"]?.string
                    await log.accept(try #require(id, "\(String(buffer: answer))"), after: latency)
                }
            }
            try await group.waitForAll()
        }
    }

    /// Follows one task after the other: every third client slowly, every third only for a moment.
    private func watch(_ number: Int, _ http: HTTPClient) async throws {
        while true {
            guard let id = await log.accepted.randomElement() else {
                try await Task.sleep(for: .milliseconds(50))
                continue
            }
            await log.addStream()
            let response = try await http.execute(request("/agent/tasks/\(id)/events"), timeout: .seconds(600))
            var pieces = 0
            for try await _ in response.body {
                pieces += 1
                if number % 3 == 0 { try await Task.sleep(for: .milliseconds(500)) }
                if number % 3 == 1, pieces == 2 { break }
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private func cancelSome(_ http: HTTPClient) async throws {
        while true {
            try await Task.sleep(for: .milliseconds(400))
            if let id = await log.accepted.randomElement() { try await cancel(id, http) }
        }
    }

    private func cancel(_ id: String, _ http: HTTPClient) async throws {
        var request = request("/agent/tasks/\(id)/cancel")
        request.method = .POST
        let response = try await http.execute(request, timeout: .seconds(120))
        _ = try await response.body.collect(upTo: 1 << 20)
        // 409 where it has ended.
        #expect([202, 409].contains(response.status.code))
        if response.status.code == 202 { await log.addCancel() }
    }

    /// Cancels what is left and waits for its end.
    private func endAll(_ http: HTTPClient) async throws {
        var isFirst = true
        while true {
            let page = try await http.execute(
                request("/agent/tasks?status=queued&status=running&limit=200"), timeout: .seconds(120))
            let body = try await page.body.collect(upTo: 16 << 20)
            let tasks = try JSONDecoder().decode(JSONValue.self, from: Data(buffer: body))["tasks"]?.array ?? []
            if tasks.isEmpty { return }
            if isFirst {
                for id in await log.accepted { try await cancel(id, http) }
                isFirst = false
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private func request(_ path: String, as client: Int = 0) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: url + path)
        request.headers.add(name: "Authorization", value: "Bearer \(tokens[client])")
        return request
    }

    // MARK: - What the service uses

    private func sample(_ process: Int32) async throws {
        while await !log.isOver {
            await log.add(try Self.look(at: process))
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    /// Waits until the connections that the service keeps for later have had their time.
    private func rest(_ process: Int32) async throws {
        let before = await log.samples[0].files
        let end = ContinuousClock.now + .seconds(90)
        var sample = try Self.look(at: process)
        while sample.files > before + 10, .now < end {
            try await Task.sleep(for: .milliseconds(500))
            sample = try Self.look(at: process)
        }
        await log.add(sample)
    }

    private static func look(at process: Int32) throws -> LoadLog.Sample {
        // The second number is the resident pages; see proc(5).
        let pages = try String(contentsOfFile: "/proc/\(process)/statm", encoding: .utf8).split(separator: " ")[1]
        return LoadLog.Sample(
            time: .now, memory: (Int(pages) ?? 0) * 4096,
            files: try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd").count)
    }
}
