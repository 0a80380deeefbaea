import Sandboxes
import Synchronization
import Testing

extension SandboxConformance {
    /// Output comes whole, in order, and in bounded memory.
    static let outputChecks: [SandboxConformance] = [
        check("standard error stands where it was written") { (sandbox) async throws in
            let outcome = try await sandbox.run(
                SandboxCommand("echo 1; echo 2 >&2; sh -c 'echo 3; echo 4 >&2'; echo 5"))
            #expect(outcome.output == "1\n2\n3\n4\n5\n")
        },
        check("output without a newline, and none") { (sandbox) async throws in
            #expect(try await sandbox.run(SandboxCommand("printf 'no newline'")).output == "no newline")
            #expect(try await sandbox.run(SandboxCommand(":")).output == "")
        },
        check("bytes that are no text") { (sandbox) async throws in
            let outcome = try await sandbox.run(SandboxCommand(#"printf 'a\0b\xff\x1e\x1fc\x1e'"#))
            #expect(outcome.output == "a\0b\u{FFFD}\u{1e}\u{1f}c\u{1e}")
        },
        check("long output keeps its beginning and its end") { (sandbox) async throws in
            let outcome = try await sandbox.run(
                SandboxCommand(
                    "printf begin; head -c 100000000 /dev/zero | tr '\\0' x; printf end", timeout: .seconds(300),
                    outputLimit: 1000))
            #expect(outcome.exitCode == 0)
            #expect(outcome.omittedBytes == 100_000_008 - 1000)
            #expect(outcome.output.hasPrefix("begin" + String(repeating: "x", count: 495) + "\n"))
            #expect(outcome.output.hasSuffix("\n" + String(repeating: "x", count: 497) + "end"))
            let short = try await sandbox.run(SandboxCommand("printf %1000d 1", outputLimit: 1000))
            #expect(short.omittedBytes == 0)
            #expect(short.output.count == 1000)
        },
        check("output arrives in pieces while the command runs") { (sandbox) async throws in
            let (pieces, continuation) = AsyncStream<String>.makeStream()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let outcome = try await sandbox.run(
                        SandboxCommand("echo first; sleep \(newDuration()) & echo $! >pid; wait $!; echo last") {
                            continuation.yield(String(decoding: $0, as: UTF8.self))
                        })
                    #expect(outcome.output.hasPrefix("first\n"))
                    continuation.finish()
                }
                // The command does not end by itself: that its beginning is here shows that it came on its own.
                for await piece in pieces {
                    #expect(piece == "first\n")
                    break
                }
                try await sandbox.killProcesses()
                try await group.waitForAll()
            }
        },
        check("a command that closes or redirects the shell's output") { (sandbox) async throws in
            #expect(try await sandbox.run(SandboxCommand("exec >&- 2>&-")).exitCode == 0)
            #expect(try await sandbox.run(SandboxCommand("echo back; exec >file 2>&1; echo hidden")).output == "back\n")
            #expect(try await sandbox.run(SandboxCommand("cat file; exec <file")).output == "hidden\n")
            #expect(try await sandbox.run(SandboxCommand("cat")).output == "")
        },
        check("a process in the background holds nothing up") { (sandbox) async throws in
            let outcome = try await sandbox.run(SandboxCommand("sleep \(newDuration()) & echo started"))
            #expect(outcome.output == "started\n")
            #expect(try await sandbox.run(SandboxCommand("jobs | wc -l")).output == "1\n")
        },
    ]
}
