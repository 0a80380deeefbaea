import Foundation
import Sandboxes
import Testing

/// What one task may use up of the machine.
@Suite(.enabled(if: LocalSandboxFixture.hasBubblewrap, "bubblewrap works here"))
struct LimitTests {
    private func run(
        _ script: String, limits: SandboxLimits, timeout: Duration = .seconds(60),
        _ body: @Sendable (LocalSandboxProvider, CommandOutcome, any Sandbox) async throws -> Void
    ) async throws {
        try await LocalSandboxFixture.use(.bubblewrap, configure: { settings, _ in settings.limits = limits }) {
            fixture in
            try await fixture.provider.withSandbox(id: "a") { sandbox in
                let outcome = try await sandbox.run(SandboxCommand(script, timeout: timeout))
                try await body(fixture.provider, outcome, sandbox)
            }
            try await fixture.provider.remove(id: "a")
        }
    }

    private func hasGroups(_ provider: LocalSandboxProvider) -> Bool {
        !provider.warnings.contains { $0.contains("is limited for each process") }
    }

    @Test(arguments: [64, nil])
    func aForkBombStopsGrowing(limit: Int?) async throws {
        let bomb = Escape.python(
            """
            children = []
            try:
                while len(children) < 200:
                    child = os.fork()
                    if child == 0:
                        import time; time.sleep(600)
                    children.append(child)
            except OSError: pass
            print(len(children))
            for child in children: os.kill(child, 9)
            """)
        try await run(bomb, limits: SandboxLimits(processes: limit)) { provider, outcome, _ in
            guard !provider.warnings.contains(where: { $0.contains("number of processes") }) else { return }
            let count = Int(outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
            #expect(limit.map { 1..<$0 ~= count } ?? (count == 200), "\(outcome.output)")
        }
    }

    @Test(arguments: [128, nil])
    func memoryIsBounded(limit: Int?) async throws {
        let script = "python3 -c \"x = bytearray(512 << 20); print('all', 'mine')\""
        try await run(script, limits: SandboxLimits(memory: limit)) { _, outcome, sandbox in
            #expect(outcome.output.contains("all mine") == (limit == nil), "\(outcome.output)")
            // The sandbox goes on.
            let next = try await sandbox.run(SandboxCommand("echo on"))
            #expect(next.output == "on\n")
        }
    }

    @Test(arguments: [1, nil])
    func aFileIsBounded(limit: Int?) async throws {
        let script = "head -c 3000000 /dev/zero >file; wc -c <file"
        try await run(script, limits: SandboxLimits(fileSize: limit)) { _, outcome, _ in
            #expect(outcome.output.hasSuffix(limit == nil ? "3000000\n" : "1048576\n"), "\(outcome.output)")
        }
    }

    @Test func allFilesTogetherAreBounded() async throws {
        let script = "for i in $(seq 600); do head -c 4000000 /dev/urandom >file$i; sleep 0.1; done; echo all written"
        try await run(script, limits: SandboxLimits(disk: 16)) { _, outcome, sandbox in
            #expect(!outcome.output.contains("all written"))
            #expect(outcome.output.contains("may take 16 MiB"), "\(outcome.output)")
            #expect(outcome.shellRestarted)
            let cleaned = try await sandbox.run(SandboxCommand("rm file*; echo cleaned"))
            #expect(cleaned.output == "cleaned\n")
        }
    }

    /// What only looks for names does not see these.
    @Test(arguments: [
        // Removed, and still open.
        "exec 5>file; rm file; for i in {1..600}; do head -c 1048576 /dev/zero >&5; sleep 0.01; done",
        // In a directory whose name is no text.
        "d=$'d\\xff\\xfe'; mkdir $d; for i in {1..600}; do head -c 1048576 /dev/zero >>$d/file; sleep 0.01; done",
        // Deeper than a path can be long.
        "n=$(printf 'x%.0s' {1..200}); for i in {1..40}; do mkdir $n; cd $n; done; "
            + "for i in {1..600}; do head -c 1048576 /dev/zero >>file; sleep 0.01; done",
    ])
    func filesThatAreHardToFindAreCounted(script: String) async throws {
        try await run(script + "; echo all written", limits: SandboxLimits(disk: 16)) { _, outcome, _ in
            #expect(!outcome.output.contains("all written"))
            #expect(outcome.output.contains("may take 16 MiB"), "\(outcome.output)")
        }
    }

    /// The shell's own script reaches the descriptors that the shell keeps for itself.
    @Test func theRecordsOfCommandsAreCountedAndReadInPart() async throws {
        try await LocalSandboxFixture.use(.bubblewrap) { fixture in
            let fill = "for i in {10..16}; do head -c 60000000 /dev/zero >&$i; done 2>/dev/null"
            try await fixture.provider.withSandbox(id: "a") { sandbox in
                _ = try await sandbox.run(SandboxCommand(fill, timeout: .seconds(20), id: "fill"))
                _ = try await sandbox.run(SandboxCommand("exit 3", id: "next"))
                let next = try await sandbox.outcome(ofCommand: "next")
                #expect(next?.exitCode == 3)
            }
            let size = try FileManager.default.attributesOfItem(atPath: "\(fixture.root)/.state/a/commands")[.size]
            #expect((size as? Int ?? 0) > 4 << 20, "the script does not reach them any more")
        }
    }

    @Test func nothingOfTheLimitsCanBeRaised() async throws {
        let limits = SandboxLimits(memory: 1024, processes: 100, fileSize: 64)
        try await run("ulimit -f unlimited; ulimit -f 999999; ulimit -f", limits: limits) { _, outcome, _ in
            #expect(outcome.output.hasSuffix("65536\n"), "\(outcome.output)")
        }
    }

    @Test func noGroupIsLeft() async throws {
        let id = String(UInt64.random(in: .min ... .max), radix: 16)
        @Sendable func groups() async throws -> String {
            try await HostCommand(
                executable: "find", arguments: ["/sys/fs/cgroup", "-name", "swe-agent-\(id)-*"],
                environment: ["PATH": "/usr/bin:/bin"]
            ).run().output
        }
        try await LocalSandboxFixture.use(.bubblewrap) { fixture in
            try await fixture.provider.withSandbox(id: id) { sandbox in
                _ = try await sandbox.run(SandboxCommand("sleep 600 &"))
                let made = try await groups()
                #expect(!made.isEmpty || !hasGroups(fixture.provider))
            }
        }
        #expect(try await groups() == "")
    }

    @Test(arguments: [SandboxIsolation.Choice.bubblewrap, .none])
    func commandsGiveWayToTheService(isolation: SandboxIsolation.Choice) async throws {
        let id = String(UInt64.random(in: .min ... .max), radix: 16)
        try await LocalSandboxFixture.use(isolation) { fixture in
            try await fixture.provider.withSandbox(id: id) { sandbox in
                #expect(try await sandbox.run(SandboxCommand("nice")).output == "10\n")
                #expect(try await sandbox.run(SandboxCommand("bash -c nice")).output == "10\n")
                // One group of all sandboxes, whose parts weigh nothing to the service.
                let groups = try await HostCommand(
                    executable: "find",
                    arguments: [
                        "/sys/fs/cgroup", "-path", "*/swe-agent-\(id)-*/cpu.*",
                    ],
                    environment: ["PATH": "/usr/bin:/bin"]
                ).run()
                #expect(
                    groups.output.split(separator: "\n").allSatisfy { $0.contains("/swe-agent-sandboxes/") },
                    "\(groups.output)")
            }
        }
    }

    /// Neither its parent, nor its session, nor its environment tells whose it is.
    @Test(
        .enabled("Landlock works here") { try await LocalSandboxFixture.hasLandlock() },
        arguments: [SandboxIsolation.Choice.bubblewrap, .landlock])
    func noDaemonIsLeft(isolation: SandboxIsolation.Choice) async throws {
        let duration = "1" + String(UInt64.random(in: 100_000_000...999_999_999))
        try await LocalSandboxFixture.use(isolation) { fixture in
            // Only control groups find it without a namespace for processes.
            let isFound =
                isolation == .bubblewrap || hasGroups(fixture.provider)
            try await fixture.provider.withSandbox(id: "a") { sandbox in
                let daemon = "(env -i setsid -f sleep \(duration) </dev/null >/dev/null 2>&1 &)"
                _ = try await sandbox.run(SandboxCommand(daemon))
                while LocalSandboxFixture.processes(with: duration).isEmpty {
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            #expect(LocalSandboxFixture.processes(with: duration).isEmpty || !isFound)
        }
    }
}
