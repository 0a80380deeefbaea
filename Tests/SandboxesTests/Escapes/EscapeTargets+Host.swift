import Foundation
import Sandboxes
import TestSupport

extension EscapeTargets {
    /// Sets up the targets beside sandboxes of a kind, and hands out a sandbox to escape from.
    static func use<Result: Sendable>(
        _ isolation: SandboxIsolation.Choice, network: Bool = false,
        limits: SandboxLimits = .usual,
        _ body: @Sendable (any Sandbox, EscapeTargets) async throws -> Result
    ) async throws -> Result {
        let word = "secret-" + String(UInt64.random(in: .min ... .max), radix: 16)
        return try await LocalSandboxFixture.use(
            isolation,
            configure: { settings, directory in
                settings.hasNetwork = network
                settings.limits = limits
                settings.hiddenDirectories = ["\(directory)/data"]
                try? FileManager.default.createDirectory(
                    atPath: "\(directory)/data", withIntermediateDirectories: true)
                try? Data(word.utf8).write(to: URL(filePath: "\(directory)/data/secret"))
            }
        ) { fixture in
            try Data(word.utf8).write(to: URL(filePath: "\(fixture.directory)/outside"))
            try await fixture.provider.withSandbox(id: "neighbour") { try await $0.writeFile("file", [1]) }
            return try await withHostTargets(of: fixture, word: word) { targets in
                try await fixture.provider.withSandbox(id: "escaping") { try await body($0, targets) }
            }
        }
    }

    /// A process, two sockets and a terminal, for as long as `body` runs. They are held by a Python of the host, so that the
    /// process that runs the tests is not what is attacked.
    private static func withHostTargets<Result: Sendable>(
        of fixture: LocalSandboxFixture, word: String, _ body: @Sendable (EscapeTargets) async throws -> Result
    ) async throws -> Result {
        let script = """
            import os, pty, signal, socket
            tcp = socket.create_server(('127.0.0.1', 0))
            unix = socket.socket(socket.AF_UNIX)
            unix.bind('\\0' + os.environ['CANARY'])
            unix.listen()
            master, slave = pty.openpty()
            print(os.getpid(), tcp.getsockname()[1], os.ttyname(slave), flush=True)
            signal.pause()
            """
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script]
        process.environment = ["CANARY": word, "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
        process.currentDirectoryURL = URL(filePath: "\(fixture.directory)/data")
        process.standardInput = FileHandle(forReadingAtPath: "\(fixture.directory)/data/secret")
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        // Not terminated politely: it may have inherited that SIGTERM is ignored.
        defer { kill(process.processIdentifier, SIGKILL) }
        var line = ""
        while !line.hasSuffix("\n"), process.isRunning {
            line += String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        }
        let words = line.split { $0.isWhitespace }
        guard words.count == 3, let id = Int32(words[0]), let port = Int(words[1]) else {
            throw SandboxError(.failed, "The host's targets could not be set up: \(line)")
        }
        return try await body(
            EscapeTargets(
                directory: fixture.directory, data: "\(fixture.directory)/data", neighbour: "\(fixture.root)/neighbour",
                process: id, port: port, abstractSocket: word, terminal: String(words[2]), word: word))
    }
}
