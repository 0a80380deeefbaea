import ClusterTestSupport
import Foundation
import KubernetesClient
import Logging
import Sandboxes
import TestSupport
import Testing

/// Tasks in pods go on, and nothing happens twice, where connections break, the API server is away, or pods go.
@Suite(.enabled(if: TestCluster.isPossible, "bubblewrap, nsenter and openssl are there"), .timeLimit(.minutes(4)))
struct ClusterBreakdownTests {
    private static func use(
        _ body: @escaping @Sendable (TestCluster, PodSandboxProvider) async throws -> Void
    ) async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                let provider = try PodSandboxProvider(
                    client: client, settings: PodSandboxSettings(image: "worker"), state: cluster.folder + "/state",
                    logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
                try await body(cluster, provider)
                #expect(await cluster.state.podNames == [])
            }
        }
    }

    /// Runs a command, and `body` as soon as it has written something.
    private static func run(
        _ command: SandboxCommand, in sandbox: any Sandbox, _ body: @escaping @Sendable () async throws -> Void
    ) async throws -> CommandOutcome {
        let (starts, started) = AsyncStream<Void>.makeStream()
        return try await withThrowingTaskGroup(of: CommandOutcome.self) { group in
            group.addTask {
                defer { started.finish() }
                var command = command
                command.onOutput = { _ in started.yield() }
                return try await sandbox.run(command)
            }
            for await _ in starts { break }
            try await body()
            return try #require(try await group.next())
        }
    }

    @Test func aCommandWhoseConnectionBreaksIsKilledAndNotRunAgain() async throws {
        try await Self.use { cluster, provider in
            try await provider.withSandbox(id: "a") { sandbox in
                let command = SandboxCommand(
                    """
                    echo run >>count; [ $(wc -l <count) = 1 ] || exit 9
                    cd /tmp; (setsid sleep 1000001 &); echo on; sleep 1000002; echo after >>count
                    """,
                    timeout: .seconds(600), id: "x")
                let outcome = try await Self.run(command, in: sandbox) { cluster.cutConnections() }
                #expect(outcome.exitCode == nil)
                #expect(outcome.shellRestarted && !outcome.timedOut)
                #expect(outcome.output.contains("on\n"))
                #expect(outcome.output.contains("connection"), "\(outcome.output)")
                #expect(try await sandbox.run(SandboxCommand("cat count; pwd")).output == "run\n/workspace\n")
                #expect(try await sandbox.processes(with: "sleep 10000") == [])
                // The next service is told the same.
                #expect(try await sandbox.outcome(ofCommand: "x")?.exitCode == .some(nil))
            }
            try await provider.remove(id: "a")
        }
    }

    @Test func theOutcomeOfACommandThatEndedUnheardIsFoundAgain() async throws {
        try await Self.use { cluster, provider in
            try await provider.withSandbox(id: "a") { sandbox in
                let command = SandboxCommand(
                    "mkdir sub; cd sub; echo run >>count; echo on; read -t 600 <>../fifo; (exit 7)",
                    timeout: .seconds(600), id: "x")
                _ = try await sandbox.run(SandboxCommand("mkfifo fifo"))
                let outcome = try await Self.run(command, in: sandbox) {
                    // While nobody here hears of it the command comes to its end.
                    await cluster.goAway()
                    try await cluster.execute(
                        "cd /workspace && echo >fifo && until grep -q x /home/agent/.swe-agent-commands; do sleep 0.01; done",
                        in: "swe-agent-a")
                    try await cluster.comeBack()
                }
                #expect(outcome.exitCode == 7)
                #expect(outcome.output.hasPrefix("on\n"))
                #expect(try await sandbox.run(SandboxCommand("pwd; cat count")).output == "/workspace/sub\nrun\n")
                #expect(try await sandbox.outcome(ofCommand: "x")?.exitCode == 7)
            }
            try await provider.remove(id: "a")
        }
    }

    @Test func aServerThatIsAwayIsWaitedFor() async throws {
        try await Self.use { cluster, provider in
            let away = FaultRounds.current == .seconds ? Duration.seconds(3) : .seconds(30)
            try await withThrowingTaskGroup(of: Void.self) { group in
                // One is at work when the server goes, one is still to begin.
                for id in ["a", "b"] {
                    group.addTask {
                        try await provider.withSandbox(id: id) { sandbox in
                            if id == "b" { while await !cluster.isAway { try await Task.sleep(for: .milliseconds(5)) } }
                            for number in 1...5 {
                                let outcome = try await sandbox.run(
                                    SandboxCommand("sleep 0.2; echo \(number) >>count", id: "\(number)"))
                                if outcome.exitCode != 0 {
                                    #expect(outcome.output.contains("connection"), "\(outcome)")
                                    _ = try await sandbox.run(SandboxCommand("echo \(number) >>count"))
                                }
                                if id == "a", number == 2 { await cluster.goAway() }
                            }
                            let count = try await sandbox.run(SandboxCommand("cat count")).output
                            #expect(count == "1\n2\n3\n4\n5\n")
                        }
                        try await provider.remove(id: id)
                    }
                }
                group.addTask {
                    while await !cluster.isAway { try await Task.sleep(for: .milliseconds(5)) }
                    try await Task.sleep(for: away)
                    try await cluster.comeBack()
                }
                try await group.waitForAll()
            }
        }
    }

    /// Whatever the service does in a pod by itself is cut once, in its middle.
    @Test func scriptsOfOursThatAreCutAreEndedAndRunAgain() async throws {
        try await Self.use { cluster, provider in
            let (mirror, base) = try await PodSandboxTests.makeMirror(in: cluster.folder)
            try await provider.withSandbox(id: "a") { sandbox in
                await cluster.faults.cutExec(containing: "git bundle unbundle")
                let path = try await sandbox.provide(repository: mirror)
                await cluster.faults.cutExec(containing: "git pack-objects", afterBytes: 100)
                #expect(try await sandbox.run(PodSandboxTests.clone(path, base)).exitCode == 0)
                #expect(try await sandbox.run(SandboxCommand("cd repo; echo two >>file", id: "1")).exitCode == 0)
                await cluster.faults.cutExec(containing: "head -c \"$1\" >\"$0\"")
                try await sandbox.writeFile("repo/large", Array(repeating: 7, count: 1_000_000))
                await cluster.state.remove("swe-agent-a")
                // The next pod is made of what came in the end.
                await cluster.faults.cutExec(containing: "git bundle unbundle")
                await cluster.faults.cutExec(containing: "index-pack")
                let state = try await sandbox.run(SandboxCommand("cat file; wc -c <large; git log --format=%s"))
                #expect(state.output == "one\ntwo\n1000000\nfirst\n")
                await cluster.faults.cutExec(containing: "/home/agent/.swe-agent-commands")
                #expect(try await sandbox.outcome(ofCommand: "1")?.exitCode == 0)
                #expect(try await sandbox.processes(with: "GIT_CONFIG_NOSYSTEM") == [])
            }
            try await provider.remove(id: "a")
        }
    }

    @Test func aTimeoutIsKeptThoughTheConnectionBreaksWithIt() async throws {
        try await Self.use { cluster, provider in
            try await provider.withSandbox(id: "a") { sandbox in
                // What kills is cut itself.
                await cluster.faults.cutExec(containing: "kill -9 -1", times: 2)
                let outcome = try await sandbox.run(
                    SandboxCommand("echo on; sleep 1000003", timeout: .milliseconds(500), id: "x"))
                #expect(outcome.timedOut)
                #expect(outcome.output.hasPrefix("on\n"))
                #expect(try await sandbox.processes(with: "sleep 1000003") == [])
            }
            try await provider.remove(id: "a")
        }
    }

    @Test func muchIsWrittenAndMuchIsRead() async throws {
        try await Self.use { _, provider in
            try await provider.withSandbox(id: "a") { sandbox in
                let size = FaultRounds.current == .seconds ? 8 << 20 : 64 << 20
                var generator = SeededGenerator(seed: 2)
                let block = (0..<65_536).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
                var contents: [UInt8] = []
                for _ in 0..<(size / block.count) { contents += block }
                try await sandbox.writeFile("large", contents)
                let count = try await sandbox.run(SandboxCommand("wc -c <large"))
                #expect(count.output == "\(size)\n")
                #expect(try await sandbox.readFile("large", limit: size) == contents)
            }
            try await provider.remove(id: "a")
        }
    }

    @Test func manyPodsAtOnceAskLittleOfTheServer() async throws {
        try await Self.use { cluster, provider in
            let tasks = FaultRounds.current == .seconds ? 20 : 100
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 1...tasks {
                    group.addTask {
                        try await provider.withSandbox(id: "task-\(task)") { sandbox in
                            for step in 1...5 {
                                let outcome = try await sandbox.run(SandboxCommand("echo $SWE_AGENT_POD \(step)"))
                                #expect(outcome.output == "swe-agent-task-\(task) \(step)\n")
                            }
                        }
                        try await provider.remove(id: "task-\(task)")
                    }
                }
                try await group.waitForAll()
            }
            let counts = await cluster.state.requestCounts
            #expect(counts["POST pods"] == tasks)
            #expect(counts["DELETE pods"] == tasks)
            let calls = counts.filter { $0.key != "EXEC" }.values.reduce(0, +)
            #expect(calls <= 12 * tasks, "\(counts)")
            // Those that keep the shell, kill it, and no more.
            #expect(counts["EXEC"] ?? 0 <= 3 * tasks, "\(counts)")
        }
    }
}
