import Sandboxes
import Testing

extension SandboxConformance {
    /// What is left when a command, the shell or the sandbox ends.
    static let endingChecks: [SandboxConformance] = [
        check("a shell that ends gives its exit code, and the next goes on in the same directory") {
            (sandbox) async throws in
            let ended = try await sandbox.run(SandboxCommand("mkdir sub; cd sub; x=1; echo out; exit 3"))
            #expect(ended.exitCode == 3)
            #expect(ended.output == "out\n")
            #expect(ended.shellRestarted)
            #expect(!ended.timedOut)
            let next = try await sandbox.run(SandboxCommand("pwd; echo \"<$x>\""))
            #expect(next.output == "\(sandbox.workspace)/sub\n<>\n")
            #expect(!next.shellRestarted)
            let strict = try await sandbox.run(SandboxCommand("set -e\nfalse\necho not reached"))
            #expect(strict.exitCode == 1)
            #expect(strict.output == "")
            let replaced = try await sandbox.run(SandboxCommand("exec sh -c 'echo instead; exit 4'"))
            #expect(replaced.exitCode == 4)
            #expect(replaced.output == "instead\n")
            let killed = try await sandbox.run(SandboxCommand("kill -9 $$"))
            #expect(killed.exitCode == 137)
            #expect(try await sandbox.run(SandboxCommand("echo alive")).output == "alive\n")
        },
        check("at the timeout all processes are killed") { (sandbox) async throws in
            let duration = newDuration()
            let outcome = try await sandbox.run(
                SandboxCommand(
                    "mkdir sub; cd sub", timeout: .seconds(30)))
            #expect(outcome.succeeded)
            let late = try await sandbox.run(
                SandboxCommand(
                    """
                    sleep \(duration) &
                    (setsid sh -c 'sleep \(duration) & exec sleep \(duration)' &)
                    trap '' TERM HUP INT
                    until [ "$(pgrep -fc 'sleep \(duration)')" -ge 3 ]; do sleep 0.01; done 2>/dev/null
                    echo ready
                    sleep \(duration)
                    """, timeout: .milliseconds(700)))
            #expect(late.timedOut)
            #expect(late.exitCode == nil)
            #expect(late.shellRestarted)
            #expect(try await sandbox.processes(with: duration) == [])
            #expect(try await sandbox.run(SandboxCommand("pwd")).output == "\(sandbox.workspace)/sub\n")
        },
        check("cancelling a command kills all processes and returns at once") { (sandbox) async throws in
            let duration = newDuration()
            let error = await errorOfCancelled { started in
                let script = "(setsid sleep \(duration) &); echo on; sleep \(duration)"
                _ = try await sandbox.run(SandboxCommand(script, timeout: .seconds(600)) { _ in started() })
            }
            #expect(error is CancellationError)
            let left = try await sandbox.processes(with: duration)
            #expect(left == [])
        },
        check("cancelling a command that waits for its turn leaves the running one alone") { (sandbox) async throws in
            try await withThrowingTaskGroup(of: String.self) { group in
                let (starts, started) = AsyncStream<Void>.makeStream()
                group.addTask {
                    let script = "echo on; sleep \(newDuration())"
                    return try await sandbox.run(SandboxCommand(script) { _ in started.yield() }).output
                }
                for await _ in starts { break }
                let error = await errorOfCancelled { started in
                    started()
                    _ = try await sandbox.run(SandboxCommand("echo never"))
                }
                #expect(error is CancellationError)
                try await sandbox.killProcesses()
                let output = try await group.next()
                #expect(output == "on\n")
            }
        },
        check("killing all processes") { (sandbox) async throws in
            let duration = newDuration()
            _ = try await sandbox.run(SandboxCommand("x=1; sleep \(duration) & setsid sleep \(duration) & true"))
            try await sandbox.killProcesses()
            #expect(try await sandbox.processes(with: duration) == [])
            #expect(try await sandbox.run(SandboxCommand("echo \"<$x>\"")).output == "<>\n")
        },
        providerCheck("the files and the directory stay when the sandbox is opened again, until it is removed") {
            provider in
            let id = newID()
            let workspace = try await provider.withSandbox(id: id) { sandbox in
                try await sandbox.writeFile("sub/kept", [1, 2, 3])
                _ = try await sandbox.run(SandboxCommand("cd sub"))
                return sandbox.workspace
            }
            try await provider.withSandbox(id: id) { sandbox in
                #expect(sandbox.workspace == workspace)
                #expect(try await sandbox.readFile("sub/kept", limit: 10) == [1, 2, 3])
                #expect(try await sandbox.run(SandboxCommand("pwd")).output == "\(workspace)/sub\n")
                _ = try await sandbox.run(SandboxCommand("mkdir locked; touch locked/f; chmod 000 locked"))
            }
            try await provider.remove(id: id)
            try await provider.remove(id: id)
            try await provider.withSandbox(id: id) { sandbox in
                let fresh = try await sandbox.run(SandboxCommand("ls -A; pwd"))
                #expect(fresh.output == "\(workspace)\n")
            }
            try await provider.remove(id: id)
        },
        providerCheck("an error or a cancel in the body ends the sandbox") { provider in
            struct Broken: Error {}
            let id = newID()
            await #expect(throws: Broken.self) {
                try await provider.withSandbox(id: id) { sandbox in
                    _ = try await sandbox.run(SandboxCommand("sleep \(newDuration()) &"))
                    throw Broken()
                }
            }
            let error = await errorOfCancelled { started in
                try await provider.withSandbox(id: id) { sandbox in
                    let script = "echo on; sleep \(newDuration())"
                    _ = try await sandbox.run(SandboxCommand(script, timeout: .seconds(600)) { _ in started() })
                }
            }
            #expect(error is CancellationError)
            try await provider.remove(id: id)
        },
        providerCheck("how a command with an id ended is known when the sandbox is opened again") { provider in
            let id = newID()
            try await provider.withSandbox(id: id) { sandbox in
                #expect(try await sandbox.outcome(ofCommand: "a.1") == nil)
                _ = try await sandbox.run(SandboxCommand("echo x; (exit 5)", id: "a.1"))
                #expect(try await sandbox.outcome(ofCommand: "a.1")?.exitCode == 5)
                _ = try await sandbox.run(SandboxCommand("exit 6", id: "b"))
                _ = try await sandbox.run(SandboxCommand("sleep 100", timeout: .milliseconds(50), id: "c"))
                _ = try await sandbox.run(SandboxCommand("true", id: "d"))
                _ = try await sandbox.run(SandboxCommand("false"))
            }
            try await provider.withSandbox(id: id) { sandbox in
                let first = try await sandbox.outcome(ofCommand: "a.1")
                #expect(first?.exitCode == 5)
                #expect(first?.output.contains("output lost") == true)
                #expect(try await sandbox.outcome(ofCommand: "b")?.exitCode == 6)
                let late = try await sandbox.outcome(ofCommand: "c")
                #expect(late?.timedOut == true)
                #expect(late?.exitCode == nil)
                #expect(try await sandbox.outcome(ofCommand: "d")?.succeeded == true)
                #expect(try await sandbox.outcome(ofCommand: "a") == nil)
                #expect(try await sandbox.outcome(ofCommand: "") == nil)
            }
            try await provider.remove(id: id)
        },
        providerCheck("ids that would lead elsewhere are refused") { provider in
            for id in [
                "", ".", "..", "a/b", "../a", "a..b", ".state", "a b", "a\n", "é", String(repeating: "a", count: 200),
            ] {
                await #expect(throws: SandboxError.self, "\(id)") { try await provider.withSandbox(id: id) { _ in } }
                await #expect(throws: SandboxError.self, "\(id)") { try await provider.remove(id: id) }
            }
            let id = newID()
            try await provider.withSandbox(id: id) { (sandbox) async throws -> Void in
                await #expect(throws: SandboxError.self) { try await sandbox.run(SandboxCommand("true", id: "a b; c")) }
            }
            try await provider.remove(id: id)
        },
    ]

    /// The error that a task ends with that is cancelled as soon as it says that it has started.
    private static func errorOfCancelled(
        _ body: @escaping @Sendable (_ started: @escaping @Sendable () -> Void) async throws -> Void
    ) async -> (any Error)? {
        await withTaskGroup(of: (any Error)?.self) { group in
            let (starts, started) = AsyncStream<Void>.makeStream()
            group.addTask {
                do {
                    try await body { started.yield() }
                    return nil
                } catch {
                    return error
                }
            }
            for await _ in starts { break }
            group.cancelAll()
            return await group.next() ?? nil
        }
    }
}
