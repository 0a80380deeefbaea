import Sandboxes
import Testing

extension SandboxConformance {
    /// Files are read and written exactly, and errors have their kind.
    static let fileChecks: [SandboxConformance] = [
        check("files of any bytes") { (sandbox) async throws in
            let contents: [[UInt8]] = [
                [], [0], Array(0...255), Array("a\\0b\\\\ %s %b 'é'\n".utf8), [0, 92, 92, 48, 0, 37],
                (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) },
            ]
            for bytes in contents {
                try await sandbox.writeFile("file", bytes)
                #expect(try await sandbox.readFile("file", limit: 2_000_000) == bytes)
            }
            #expect(try await sandbox.run(SandboxCommand("wc -c <file")).output.contains("1000000"))
        },
        check("files of any name, with the directories they need") { (sandbox) async throws in
            for name in ["a b", "it's", "-n", "ü/$(touch x)/`y`", "new\nline/\"q\"", "*", "~", "#", "\\", "./a/../b"] {
                try await sandbox.writeFile(name, Array(name.utf8))
                #expect(try await sandbox.readFile(name, limit: 100) == Array(name.utf8), "\(name)")
            }
            try await sandbox.writeFile("\(sandbox.workspace)/deep/er/file", [7])
            #expect(
                try await sandbox.run(SandboxCommand("cat deep/er/file | od -An -tu1; ls x")).output.contains(" 7\n"))
        },
        check("a relative path is one in the workspace") { (sandbox) async throws in
            _ = try await sandbox.run(SandboxCommand("mkdir sub; cd sub"))
            try await sandbox.writeFile("file", [1])
            #expect(
                try await sandbox.run(SandboxCommand("pwd; ls ..")).output == "\(sandbox.workspace)/sub\nfile\nsub\n")
        },
        check("an existing file keeps its mode and its links") { (sandbox) async throws in
            _ = try await sandbox.run(SandboxCommand("echo 1 >script; chmod 750 script; ln -s script link"))
            try await sandbox.writeFile("link", Array("2\n".utf8))
            let outcome = try await sandbox.run(SandboxCommand("stat -c %a script; cat script; readlink link"))
            #expect(outcome.output == "750\n2\nscript\n")
        },
        check("files do not disturb the shell") { (sandbox) async throws in
            _ = try await sandbox.run(SandboxCommand("cd /; set -e; x=1; trap 'echo trapped' ERR; set +e; (exit 9)"))
            try await sandbox.writeFile("f", [1])
            _ = try await sandbox.readFile("f", limit: 1)
            _ = try? await sandbox.readFile("missing", limit: 1)
            #expect(try await sandbox.run(SandboxCommand("echo $? $x $PWD")).output == "9 1 /\n")
        },
        check("errors of reading") { (sandbox) async throws in
            _ = try await sandbox.run(
                SandboxCommand("mkdir dir; printf 12345 >five; mkfifo fifo; ln -s nowhere dangling"))
            #expect(try await sandbox.readFile("five", limit: 5).count == 5)
            try await expect(.tooLarge) { _ = try await sandbox.readFile("five", limit: 4) }
            try await expect(.tooLarge) { _ = try await sandbox.readFile("five", limit: 0) }
            try await expect(.notFound) { _ = try await sandbox.readFile("missing", limit: 10) }
            try await expect(.notFound) { _ = try await sandbox.readFile("dangling", limit: 10) }
            try await expect(.notFound) { _ = try await sandbox.readFile("", limit: 10) }
            try await expect(.notFound) { _ = try await sandbox.readFile("five/more", limit: 10) }
            try await expect(.notFound) { _ = try await sandbox.readFile("fi\0ve", limit: 10) }
            try await expect(.isDirectory) { _ = try await sandbox.readFile("dir", limit: 10) }
            try await expect(.failed) { _ = try await sandbox.readFile("fifo", limit: 10) }
            try await expect(.failed) { _ = try await sandbox.readFile("/dev/zero", limit: 10) }
        },
        check("errors of writing") { (sandbox) async throws in
            _ = try await sandbox.run(SandboxCommand("mkdir dir; mkfifo fifo; touch file"))
            try await expect(.isDirectory) { try await sandbox.writeFile("dir", [1]) }
            try await expect(.failed) { try await sandbox.writeFile("fifo", [1]) }
            try await expect(.failed) { try await sandbox.writeFile("file/under", [1]) }
            try await expect(.failed) { try await sandbox.writeFile("/proc/sys/new", [1]) }
            #expect(try await sandbox.run(SandboxCommand("echo alive")).output == "alive\n")
        },
        check("reading a file while a process in the background prints") { (sandbox) async throws in
            let bytes = Array(repeating: UInt8(ascii: "."), count: 300_000)
            try await sandbox.writeFile("file", bytes)
            _ = try await sandbox.run(SandboxCommand("while true; do echo noise; done &"))
            for _ in 1...3 { #expect(try await sandbox.readFile("file", limit: 300_000) == bytes) }
        },
    ]

    private static func expect(_ kind: SandboxError.Kind, _ body: () async throws -> Void) async throws {
        let error = await #expect(throws: SandboxError.self) { try await body() }
        #expect(error?.kind == kind)
    }
}
