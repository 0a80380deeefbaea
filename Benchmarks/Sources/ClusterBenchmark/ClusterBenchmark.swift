import ClusterTestSupport
import Foundation
import KubernetesClient
import Logging
import Sandboxes

/// Measures sandboxes in pods against the test cluster, which runs in a process of its own.
///
/// `ClusterBenchmark memory exec task transfers` measures all there is, and `ClusterBenchmark exec` some of it.
/// `ClusterBenchmark serve` is that process: it tells the path of its kubeconfig, answers each line `report` with what was
/// asked of it so far, and ends with its input.
@main
enum ClusterBenchmark {
    static func main() async throws {
        if CommandLine.arguments.dropFirst() == ["serve"] {
            try await serve()
        } else {
            try await measure()
        }
    }

    // MARK: - The server

    /// What the server was asked.
    struct Report: Codable {
        var requests: [String: Int]
        var execSeconds: [Double]
    }

    private static func serve() async throws {
        let (lines, input) = AsyncStream<String>.makeStream()
        Thread.detachNewThread {
            while let line = readLine() { input.yield(line) }
            input.finish()
        }
        try await TestCluster.run { cluster in
            tell(cluster.environment["KUBECONFIG"] ?? "")
            for await line in lines where line == "report" {
                let report = Report(
                    requests: await cluster.state.requestCounts, execSeconds: await cluster.state.execSeconds)
                tell(String(decoding: try JSONEncoder().encode(report), as: UTF8.self))
            }
        }
    }

    private static func tell(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }

    /// The server's process, seen from the other side.
    private actor Server {
        private let process = Process()
        private let input = Pipe()
        private let output = Pipe()
        private var rest = Data()

        init() throws {
            process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            process.arguments = ["serve"]
            (process.standardInput, process.standardOutput) = (input, output)
            try process.run()
        }

        func line() throws -> String {
            while true {
                if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = String(decoding: rest[..<end], as: UTF8.self)
                    rest = Data(rest[(end + 1)...])
                    return line
                }
                let more = output.fileHandleForReading.availableData
                guard !more.isEmpty else { throw CocoaError(.fileReadUnknown) }
                rest += more
            }
        }

        func report() throws -> Report {
            input.fileHandleForWriting.write(Data("report\n".utf8))
            return try JSONDecoder().decode(Report.self, from: Data(try line().utf8))
        }

        func end() {
            try? input.fileHandleForWriting.close()
            process.waitUntilExit()
        }
    }

    // MARK: - The figures

    private static func measure() async throws {
        let server = try Server()
        let result = await Task { try await measure(server) }.result
        await server.end()
        try result.get()
    }

    private static func measure(_ server: Server) async throws {
        let access = try ClusterAccess.find(environment: ["KUBECONFIG": try await server.line()])
        let folder = FileManager.default.temporaryDirectory.appending(path: "cluster-benchmark-\(UUID().uuidString)")
            .path(percentEncoded: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let chosen = CommandLine.arguments.dropFirst()
        @Sendable func isChosen(_ figure: String) -> Bool { chosen.isEmpty || chosen.contains(figure) }
        print("| figure | measured | to reach |\n| --- | ---: | ---: |")
        try await KubernetesClient.withClient(access) { client in
            let provider = try PodSandboxProvider(
                client: client, settings: PodSandboxSettings(image: "worker"), state: folder + "/state",
                logger: Logger(label: "benchmark"))
            // First, while this process is as small as a service that has just begun.
            if isChosen("memory") { try await manyPods(provider) }
            if isChosen("exec") { try await roundTrips(client, provider, server) }
            if isChosen("task") { try await task(provider, server, folder) }
            if isChosen("transfers") { try await transfers(client, provider) }
        }
    }

    private static func row(_ figure: String, _ measured: String, _ goal: String = "") {
        print("| \(figure) | \(measured) | \(goal) |")
    }

    private static func median(_ samples: [Double]) -> Double { samples.sorted()[samples.count / 2] }

    private static func milliseconds(_ seconds: Double) -> String { String(format: "%.2f ms", seconds * 1000) }

    private static func time(_ body: () async throws -> Void) async rethrows -> Double {
        let start = ContinuousClock.now
        try await body()
        return (ContinuousClock.now - start) / .seconds(1)
    }

    private static func roundTrips(
        _ client: KubernetesClient, _ provider: PodSandboxProvider, _ server: Server
    ) async throws {
        try await provider.withSandbox(id: "round-trips") { sandbox in
            try await sandbox.start()
            let pod = "swe-agent-round-trips"
            func exec() async throws {
                _ = try await client.exec(pod, container: "main", ["true"]) { try await $0.receive { _ in } }
            }
            for _ in 1...20 { try await exec() }
            let before = try await server.report().execSeconds.count
            var walls: [Double] = []
            for _ in 1...200 { walls.append(try await time(exec)) }
            let own = try await server.report().execSeconds.dropFirst(before)
            let over = zip(walls, own).map { $0 - $1 }
            row("exec over a connection of its own, wall", milliseconds(median(walls)))
            row("… of which the server's process", milliseconds(median(Array(own))))
            row("… the rest", milliseconds(median(over)), "≤ 3 ms")
            var steps: [Double] = []
            for _ in 1...300 {
                steps.append(try await time { _ = try await sandbox.run(SandboxCommand(":")) })
            }
            row("command in the shell of a sandbox", milliseconds(median(steps)))
        }
        try await provider.remove(id: "round-trips")
    }

    /// A task as tasks have it: a mirror, a clone of it, commands that change files.
    private static func task(_ provider: PodSandboxProvider, _ server: Server, _ folder: String) async throws {
        let script = """
            set -e; cd "$0"; export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
            git init --quiet -b main source; cd source; echo one >file; git add .
            git -c user.name=t -c user.email=t@t commit --quiet -m first; git clone --quiet --bare . ../mirror.git
            """
        let made = try await HostCommand(
            executable: "/bin/sh", arguments: ["-c", script, folder],
            environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
        ).run()
        guard made.succeeded else { throw SandboxError(.failed, made.errorOutput) }
        let before = try await server.report().requests
        let steps = 50
        let seconds = try await time {
            try await provider.withSandbox(id: "task") { sandbox in
                let mirror = try await sandbox.provide(repository: folder + "/mirror.git")
                _ = try await sandbox.run(SandboxCommand("git clone -q \(mirror) repo && cd repo", id: "clone"))
                for step in 1...steps {
                    _ = try await sandbox.run(SandboxCommand("echo \(step) >>file", id: "\(step)"))
                }
            }
            try await provider.remove(id: "task")
        }
        let after = try await server.report().requests
        let more = after.map { ($0, $1 - before[$0, default: 0]) }.filter { $0.1 > 0 }.sorted { $0.0 < $1.0 }
        let calls = more.filter { $0.0 != "EXEC" }
        row("task of \(steps) steps with a snapshot after each, wall", String(format: "%.2f s", seconds))
        row(
            "its API calls beside execs (\(calls.map { "\($0.1) \($0.0)" }.joined(separator: ", ")))",
            "\(calls.map(\.1).reduce(0, +))", "≤ 12")
        row("its execs", "\(more.first { $0.0 == "EXEC" }?.1 ?? 0)")
    }

    private static func transfers(_ client: KubernetesClient, _ provider: PodSandboxProvider) async throws {
        let size = 128 << 20
        var contents = [UInt8](repeating: 0, count: size)
        for index in stride(from: 0, to: size, by: 97) { contents[index] = UInt8(truncatingIfNeeded: index) }
        let speed = { @Sendable (seconds: Double) in "\(Int(Double(size) / 1e6 / seconds)) MB/s" }
        try await provider.withSandbox(id: "transfers") { [contents] sandbox in
            try await sandbox.start()
            var (uploads, downloads, streams): ([Double], [Double], [Double]) = ([], [], [])
            for _ in 1...5 {
                uploads.append(try await time { try await sandbox.writeFile("/tmp/file", contents) })
                var read: [UInt8] = []
                downloads.append(try await time { read = try await sandbox.readFile("/tmp/file", limit: size) })
                guard read == contents else { throw SandboxError(.failed, "the file came back wrong") }
                streams.append(
                    try await time {
                        _ = try await client.exec(
                            "swe-agent-transfers", container: "main", ["cat", "/tmp/file"]
                        ) { try await $0.receive { _ in } }
                    })
            }
            row("upload of a file of 128 MiB", speed(median(uploads)), "≥ 200 MB/s")
            row("download of it", speed(median(downloads)), "≥ 200 MB/s")
            row("output of an exec, as it comes", speed(median(streams)), "≥ 200 MB/s")
        }
        try await provider.remove(id: "transfers")
    }

    private static func manyPods(_ provider: PodSandboxProvider) async throws {
        let count = 100
        let before = memory("VmRSS")
        let seconds = try await time {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 1...count {
                    group.addTask {
                        try await provider.withSandbox(id: "pod-\(number)") { sandbox in
                            for step in 1...10 { _ = try await sandbox.run(SandboxCommand("seq \(step)000")) }
                        }
                        try await provider.remove(id: "pod-\(number)")
                    }
                }
                try await group.waitForAll()
            }
        }
        row("\(count) sandboxes at once, ten commands each, wall", String(format: "%.2f s", seconds))
        row("the most memory meanwhile (before: \(before) MiB)", "\(memory("VmHWM")) MiB", "≤ 150 MiB")
    }

    private static func memory(_ name: String) -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
        return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) >> 10
    }
}
