internal import Foundation

/// The sandbox of one task on this machine: a ``Shell``, started when it is first needed and again when it was lost.
actor LocalSandbox: ShellSandbox {
    typealias MakeLaunch = @Sendable (_ repositories: [String], _ directories: [String]) -> ShellLaunch

    nonisolated let workspace: String
    private let place: LocalSandboxPlace
    /// Takes the shells that shall live.
    private let launches: AsyncStream<Shell>.Continuation
    private let makeLaunch: MakeLaunch
    /// Whoever talks with the shell has the turn.
    private let turnstile = Turnstile()
    private var shell: Shell?
    /// The working directory of the next shell.
    private var directory: String
    private var repositories: [String] = []
    private var isClosed = false
    /// Why the processes were ended, for whoever had a command running then.
    private var notice: String?

    init(
        place: LocalSandboxPlace, launches: AsyncStream<Shell>.Continuation, makeLaunch: @escaping MakeLaunch
    ) {
        workspace = place.workspace
        self.place = place
        self.launches = launches
        self.makeLaunch = makeLaunch
        directory = CommandRecords(file: place.records).directory ?? place.workspace
    }

    func noteEnding(of command: SandboxCommand, _ reply: ShellReply) throws {
        directory = reply.directory ?? directory
        if let id = command.id, reply.shellEnded {
            let ending = reply.exitCode.map(CommandRecords.Ending.exited) ?? .timedOut
            try CommandRecords.append(to: place.records, id: id, ending: ending, directory: directory)
        }
    }

    func outcome(ofCommand id: String) async throws -> CommandOutcome? {
        CommandRecords(file: place.records).outcome(ofCommand: id)
    }

    func provide(repository hostPath: String) async throws -> String {
        let path = HostPath.real(hostPath)
        guard hostPath.hasPrefix("/"), FileManager.default.fileExists(atPath: path) else {
            throw SandboxError(.notFound, "There is no repository at \(hostPath).")
        }
        if !repositories.contains(path) {
            repositories.append(path)
            // What a sandbox sees is settled when its shell starts.
            try await turnstile.take { try await killProcesses() }
        }
        return path
    }

    func start() async throws {
        try await turnstile.take { _ = try await readyShell() }
    }

    func killProcesses() async throws {
        guard let shell else { return }
        await shell.kill()
        await shell.waitForEnd()
    }

    /// Kills all processes of a sandbox that has broken a limit, and returns when they are gone; a command at work then ends and tells why.
    func endProcesses(because reason: String) async {
        notice = "[all processes were ended: \(reason)]"
        try? await killProcesses()
    }

    /// Kills all processes; no shell is started any more.
    func close() async {
        isClosed = true
        launches.finish()
        await shell?.kill()
    }

    // MARK: - The shell

    /// Has an exchange with the shell. At the timeout and when the task is cancelled, all processes are killed.
    func talk(_ exchange: ShellExchange, timeout: Duration) async throws -> (ShellReply, timedOut: Bool) {
        var (reply, timedOut) = try await turnstile.take { try await talkInTurn(exchange, timeout: timeout) }
        if let notice, reply.shellEnded {
            reply.output.append(Array("\n\(notice)\n".utf8)[...])
            self.notice = nil
        }
        return (reply, timedOut)
    }

    private func talkInTurn(
        _ exchange: ShellExchange, timeout: Duration
    ) async throws -> (ShellReply, timedOut: Bool) {
        let shell = try await readyShell()
        return try await withThrowingTaskGroup(of: ShellReply?.self) { group in
            group.addTask { await shell.perform(exchange) }
            group.addTask {
                // Ends at the timeout and, at once, when the task is cancelled.
                try? await Task.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            if let reply = try await group.next() ?? nil { return (reply, false) }
            await shell.kill()
            guard let reply = try await group.next() ?? nil else { throw CancellationError() }
            await shell.waitForEnd()
            try Task.checkCancellation()
            return (reply, true)
        }
    }

    private func readyShell() async throws -> Shell {
        if let shell, await shell.ending == nil { return shell }
        if isClosed { throw SandboxError(.failed, "The sandbox is closed.") }
        let shell = Shell(launch: makeLaunch(repositories, [directory, workspace]))
        self.shell = shell
        launches.yield(shell)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await shell.start()
                return true
            }
            group.addTask {
                try? await Task.sleep(for: .seconds(30))
                return false
            }
            defer { group.cancelAll() }
            if try await group.next() == true { return }
            await shell.kill()
            _ = try await group.next()
        }
        return shell
    }
}
