/// A sandbox whose commands and files go through one bash, wherever that runs.
protocol ShellSandbox: Sandbox {
    /// Has an exchange with the shell. At the timeout and when the task is cancelled, all processes are killed.
    func talk(_ exchange: ShellExchange, timeout: Duration) async throws -> (ShellReply, timedOut: Bool)

    /// Keeps what the next shell and the next service have to know of a command that has ended.
    func noteEnding(of command: SandboxCommand, _ reply: ShellReply) async throws
}

extension ShellSandbox {
    func run(_ command: SandboxCommand) async throws -> CommandOutcome {
        var command = command
        command.directory = command.directory.map(absolute)
        if let id = command.id { _ = try SandboxName.checked(id) }
        if (command.script + (command.directory ?? "")).utf8.contains(0) {
            return CommandOutcome(
                exitCode: 2, output: "bash: a command cannot contain a zero byte; write $'\\0' forms\n")
        }
        let start = ContinuousClock.now
        let (reply, timedOut) = try await talk(.command(command), timeout: command.timeout)
        try await noteEnding(of: command, reply)
        return CommandOutcome(
            exitCode: reply.exitCode,
            output: reply.output.text,
            omittedBytes: reply.output.omittedBytes,
            timedOut: timedOut,
            shellRestarted: reply.shellEnded,
            seconds: (ContinuousClock.now - start) / .seconds(1)
        )
    }

    /// A path of the sandbox, absolute.
    func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : "\(workspace)/\(path)"
    }
}

extension CommandRecords {
    /// What is left to say of a command that ran under an earlier service.
    func outcome(ofCommand id: String) -> CommandOutcome? {
        let lost = "[output lost: the service restarted while the command ran]"
        return switch endings[id] {
        case nil: nil
        case .exited(let code): CommandOutcome(exitCode: code, output: lost)
        case .timedOut: CommandOutcome(exitCode: nil, output: lost, timedOut: true)
        }
    }
}
