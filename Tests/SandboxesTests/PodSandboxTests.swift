import ClusterTestSupport
import Foundation
import KubernetesClient
import Logging
import Sandboxes
import TestSupport
import Testing

/// Pods of a cluster keep the promises of every sandbox, and leave nothing behind.
@Suite(.enabled(if: TestCluster.isPossible, "bubblewrap, nsenter and openssl are there"))
struct PodSandboxTests {
    private static let logger = Logger(label: "test")

    private static func use(
        _ settings: PodSandboxSettings = PodSandboxSettings(image: "worker"),
        _ body: @escaping @Sendable (TestCluster, PodSandboxProvider) async throws -> Void
    ) async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                try await body(
                    cluster,
                    PodSandboxProvider(
                        client: client, settings: settings, state: cluster.folder + "/state", logger: Self.logger))
            }
        }
    }

    @Test func conformance() async throws {
        try await Self.use { cluster, provider in
            try await SandboxConformance.checkAll(of: provider)
            #expect(await cluster.state.podNames == [])
        }
    }

    /// A bare repository of the host with one file, as the service makes them.
    static func makeMirror(in folder: String) async throws -> (path: String, base: String) {
        let script = """
            set -e
            cd "$0"
            export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
            git init --quiet -b main source
            cd source
            git config user.name test
            git config user.email test@example.com
            echo one >file
            echo '*.log' >.gitignore
            git add .
            git commit --quiet -m first
            git clone --quiet --bare . ../mirror.git
            git rev-parse HEAD
            """
        let outcome = try await HostCommand(
            executable: "/bin/sh", arguments: ["-c", script, folder],
            environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
        ).run()
        let base = String(decoding: outcome.stdout, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        try #require(outcome.succeeded, "\(outcome.errorOutput)")
        return (folder + "/mirror.git", base)
    }

    /// A clone that borrows the mirror's objects, as tasks have it.
    static func clone(_ mirror: String, _ base: String) -> SandboxCommand {
        SandboxCommand(
            """
            git init -q -b work repo && cd repo && echo \(mirror)/objects >.git/objects/info/alternates &&
            git config user.name t && git config user.email t@t && git update-ref refs/heads/work \(base) && git reset -q --hard
            """)
    }

    @Test func aPodThatIsDeletedIsMadeAgainWithItsWorkspace() async throws {
        try await Self.use { cluster, provider in
            let (mirror, base) = try await Self.makeMirror(in: cluster.folder)
            try await provider.withSandbox(id: "a") { sandbox in
                let path = try await sandbox.provide(repository: mirror)
                #expect(try await sandbox.run(Self.clone(path, base)).exitCode == 0)
                let script = """
                    echo two >>file; git commit -qam second; printf '\\0\\377' >binary; chmod +x binary; rm .gitignore
                    ln -s file link; echo three >>file; mkdir -p "a b"; echo deep >"a b/c"; cd "a b"
                    """
                #expect(try await sandbox.run(SandboxCommand(script, id: "first")).exitCode == 0)
                await cluster.state.remove("swe-agent-a")
                let state = """
                    pwd; cat ../file; od -An -tx1 ../binary; cat c; readlink ../link; git log --format=%s
                    git branch --show-current; git status --short; cd ..; git cat-file -e HEAD^ && echo whole
                    """
                let first = try await sandbox.run(SandboxCommand(state, id: "second"))
                #expect(
                    first.output == """
                        /workspace/repo/a b
                        one
                        two
                        three
                         00 ff
                        deep
                        file
                        second
                        first
                        work
                         D ../.gitignore
                         M ../file
                        ?? ./
                        ?? ../binary
                        ?? ../link
                        whole

                        """)
                #expect(await cluster.state.podNames == ["swe-agent-a-2"])
                #expect(try await sandbox.outcome(ofCommand: "first")?.exitCode == 0)
                // Twice, and with what came in between.
                try await sandbox.writeFile("repo/large", Array(repeating: 7, count: 1_000_000))
                _ = try await sandbox.run(SandboxCommand("git add -A; git commit -qm third; git stash list"))
                await cluster.state.evict("swe-agent-a-2", reason: "Preempted")
                #expect(try await sandbox.readFile("repo/large", limit: 2_000_000).count == 1_000_000)
                let log = try await sandbox.run(
                    SandboxCommand("git log --format=%s; git status --short; git fsck 2>&1"))
                #expect(log.output.hasPrefix("third\nsecond\nfirst\n"))
                #expect(log.output.contains("missing") == false, "\(log.output)")
            }
            await cluster.state.remove("swe-agent-a-3")
            // The next service comes to the same.
            try await provider.withSandbox(id: "a") { sandbox in
                _ = try await sandbox.provide(repository: mirror)
                #expect(
                    try await sandbox.run(SandboxCommand("cat repo/file", directory: "/workspace")).output
                        == "one\ntwo\nthree\n")
            }
            try await provider.remove(id: "a")
            #expect(await cluster.state.podNames == [])
            #expect(!FileManager.default.fileExists(atPath: cluster.folder + "/state/a"))
        }
    }

    @Test func aCommandThatIsCutOffByTheEndOfItsPodIsRunAgainOnTheStateBefore() async throws {
        try await Self.use { cluster, provider in
            let (mirror, base) = try await Self.makeMirror(in: cluster.folder)
            try await provider.withSandbox(id: "a") { sandbox in
                let path = try await sandbox.provide(repository: mirror)
                _ = try await sandbox.run(Self.clone(path, base))
                // The pod goes while the command runs: the first time by a hand, then because of the command.
                let (starts, started) = AsyncStream<Void>.makeStream()
                try await withThrowingTaskGroup(of: CommandOutcome.self) { group in
                    group.addTask {
                        defer { started.finish() }
                        let script = "echo line >>file; echo on; read -t 600 <>/tmp/fifo"
                        return try await sandbox.run(
                            SandboxCommand("mkfifo /tmp/fifo; " + script, timeout: .seconds(600), id: "x") { _ in
                                started.yield()
                            })
                    }
                    var waits = starts.makeAsyncIterator()
                    await waits.next()
                    await cluster.state.forgetHistory()
                    await cluster.state.remove("swe-agent-a")
                    await waits.next()
                    await cluster.state.evict("swe-agent-a-2", reason: "Evicted")
                    let outcome = try #require(try await group.next())
                    #expect(outcome.exitCode == nil)
                    #expect(outcome.shellRestarted)
                    #expect(outcome.output.contains("Evicted"), "\(outcome)")
                }
                #expect(try await sandbox.run(SandboxCommand("cat /workspace/repo/file")).output == "one\n")
            }
            try await provider.remove(id: "a")
            #expect(await cluster.state.podNames == [])
        }
    }

    @Test func filesThatNoSnapshotHoldsAreMissedWithTheReason() async throws {
        try await Self.use { cluster, provider in
            let error = await #expect(throws: SandboxError.self) {
                try await provider.withSandbox(id: "a") { sandbox in
                    _ = try await sandbox.run(SandboxCommand("echo x >file"))
                    await cluster.state.evict("swe-agent-a", reason: "Evicted")
                    _ = try await sandbox.run(SandboxCommand("cat file"))
                }
            }
            #expect(error?.message.contains("Evicted") == true, "\(error as Any)")
            #expect(error?.message.contains("lost") == true, "\(error as Any)")
            try await provider.remove(id: "a")
            #expect(await cluster.state.podNames == [])
        }
    }

    @Test func anImageThatCannotBePulledIsSaidAtOnce() async throws {
        try await Self.use(PodSandboxSettings(image: "no/such")) { cluster, provider in
            await cluster.state.refuse(image: "no/such", reason: "ImagePullBackOff")
            let error = await #expect(throws: SandboxError.self) {
                try await provider.withSandbox(id: "a") { try await $0.start() }
            }
            #expect(error?.message.contains("ImagePullBackOff: no such image") == true)
        }
    }

    @Test func podsOfTasksThatAreOverAreRemovedAndOthersAreLeft() async throws {
        try await Self.use { cluster, provider in
            for id in ["old", "open"] { try await provider.withSandbox(id: id) { try await $0.start() } }
            try await cluster.withClient { client in
                let other = try PodSandboxProvider(
                    client: client, settings: PodSandboxSettings(image: "worker"), state: cluster.folder + "/other",
                    logger: Self.logger)
                try await other.withSandbox(id: "theirs") { try await $0.start() }
            }
            try await provider.removeAll(except: ["open"])
            #expect(await cluster.state.podNames == ["swe-agent-open", "swe-agent-theirs"])
        }
    }
}
