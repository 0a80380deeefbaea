import Foundation
import Sandboxes
import Testing

@Suite struct HostCommandTests {
    private static let path = ["PATH": "/usr/bin:/bin"]

    private func sh(
        _ script: String, environment: [String: String] = path, directory: String? = nil, input: [UInt8]? = nil,
        timeout: Duration = .seconds(60), outputLimit: Int = 1024 * 1024
    ) async throws -> HostCommandOutcome {
        try await HostCommand(
            executable: "sh", arguments: ["-c", script], environment: environment, directory: directory, input: input,
            timeout: timeout, outputLimit: outputLimit
        ).run()
    }

    @Test func keepsStreamsAndExitCodeApart() async throws {
        let outcome = try await sh("echo out; echo err >&2; exit 3")
        #expect(outcome.exitCode == 3)
        #expect(outcome.output == "out\n")
        #expect(outcome.errorOutput == "err\n")
        #expect(!outcome.succeeded && !outcome.truncated && !outcome.timedOut)
        #expect(try await sh("kill -9 $$").exitCode == 137)
    }

    @Test func passesArgumentsAsTheyAre() async throws {
        let arguments = ["a b", "$(touch x)", "", "-n", "it's\n\"é\""]
        let outcome = try await HostCommand(
            executable: "/usr/bin/printf", arguments: ["[%s]"] + arguments, environment: [:]
        ).run()
        #expect(outcome.output == arguments.map { "[\($0)]" }.joined())
    }

    @Test func inheritsNoVariable() async throws {
        let outcome = try await sh("env", environment: Self.path.merging(["A": "1"]) { $1 })
        let names = Set(outcome.output.split(separator: "\n").map { $0.prefix { $0 != "=" } })
        #expect(names.isSuperset(of: ["PATH", "A"]))
        #expect(names.isSubset(of: ["PATH", "A", "PWD", "OLDPWD", "SHLVL", "_", "SWE_AGENT_PROCESS"]))
    }

    @Test func usesTheDirectory() async throws {
        #expect(try await sh("pwd", directory: "/usr").output == "/usr\n")
        await #expect(throws: SandboxError.self) { try await sh("pwd", directory: "/no/such/directory") }
    }

    @Test func givesBytesToRead() async throws {
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
        let outcome = try await sh("cat", input: bytes)
        #expect(outcome.stdout == bytes)
        #expect(try await sh("cat").stdout == [])
        // A program that does not read its input is no failure.
        #expect(try await sh("exit 4", input: bytes + bytes).exitCode == 4)
    }

    /// Programs that compute wait for each other; those that wait, such as for the network, hold up nobody.
    @Test(.timeLimit(.minutes(2))) func manyCanWaitAtOnce() async throws {
        let begun = NSTemporaryDirectory() + "begun-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: begun) }
        let count = 10 * ProcessInfo.processInfo.activeProcessorCount
        let script = "echo >>'\(begun)'; while [ $(wc -l <'\(begun)') -lt \(count) ]; do sleep 0.1; done"
        try await withThrowingTaskGroup { group in
            for _ in 0..<count { group.addTask { try await sh(script).succeeded } }
            for try await succeeded in group { #expect(succeeded) }
        }
    }

    @Test func givesWayToTheService() async throws {
        // The priority is given before the input.
        let outcome = try await sh("read -r line; nice; cat /proc/self/autogroup || :", input: Array("go\n".utf8))
        #expect(outcome.output.hasPrefix("10\n"))
        // Others than root may change only some groups a second.
        if getuid() == 0, outcome.output.contains("autogroup") {
            #expect(outcome.output.hasSuffix(" nice 10\n"), "\(outcome.output)")
        }
    }

    @Test func boundsTheOutput() async throws {
        let outcome = try await sh("head -c 5000000 /dev/zero; echo done >&2", outputLimit: 1000)
        #expect(outcome.stdout.count == 1000)
        #expect(outcome.truncated)
        #expect(outcome.succeeded)
        #expect(outcome.errorOutput == "done\n")
    }

    @Test func saysThatAProgramIsMissing() async throws {
        let error = await #expect(throws: SandboxError.self) {
            try await HostCommand(executable: "no-such-program", arguments: [], environment: Self.path).run()
        }
        #expect(error?.kind == .unavailable)
        #expect(error?.message.contains("no-such-program") == true)
    }

    @Test func killsAllProcessesAtTheTimeout() async throws {
        let duration = newDuration()
        let outcome = try await sh(
            "echo on; (setsid sh -c 'sleep \(duration) & sleep \(duration)' &) ; sleep \(duration)",
            timeout: .milliseconds(500))
        #expect(outcome.timedOut)
        #expect(outcome.exitCode == nil)
        #expect(outcome.output == "on\n")
        #expect(LocalSandboxFixture.processes(with: duration) == [])
    }

    @Test func killsAllProcessesWhenCancelled() async throws {
        let duration = newDuration()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await sh("setsid sleep \(duration) & sleep \(duration)") }
            while LocalSandboxFixture.processes(with: duration).count < 3 {
                try await Task.sleep(for: .milliseconds(5))
            }
            group.cancelAll()
            let result = await group.nextResult()
            #expect(throws: CancellationError.self) { try result?.get() }
        }
        #expect(LocalSandboxFixture.processes(with: duration) == [])
    }

    @Test func leavesNothingInTheBackground() async throws {
        let duration = newDuration()
        let outcome = try await sh("sleep \(duration) & echo on")
        #expect(outcome.output == "on\n")
        #expect(outcome.succeeded)
        #expect(LocalSandboxFixture.processes(with: duration) == [])
    }

    @Test func killsWhatIsJustBecomingAnotherProgram() async throws {
        // On its way from one program to the next most of the time.
        let script = #": >"$1"; exec sh -c "$0" "$0" "$1""#
        for _ in 0..<10 {
            let owner = UUID().uuidString
            let flag = NSTemporaryDirectory() + "/" + owner
            defer { try? FileManager.default.removeItem(atPath: flag) }
            try await withThrowingTaskGroup(of: HostCommandOutcome.self) { group in
                group.addTask {
                    try await HostCommand(
                        executable: "sh", arguments: ["-c", script, script, flag], environment: Self.path,
                        timeout: .seconds(20), owner: owner
                    ).run()
                }
                while !FileManager.default.fileExists(atPath: flag) { try await Task.sleep(for: .milliseconds(2)) }
                HostCommand.killAll(ownedBy: owner)
                let outcome = try await group.next()
                #expect(outcome?.exitCode == 137)
            }
        }
    }

    private func newDuration() -> String { "1" + String(UInt64.random(in: 100_000_000...999_999_999)) }
}
