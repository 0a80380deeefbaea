internal import Foundation
internal import Subprocess
internal import SystemPackage

/// One bash of a sandbox, from its start to its end, and the conversation with it.
///
/// ``live()`` hosts the process; it has to run beside ``start()`` and ``perform(_:)``, of which one at a time may run.
actor Shell: ObservedActor {
    private enum State {
        case new
        case starting
        case running(StandardInputWriter, process: pid_t)
        case ended(ShellEnding)
    }

    private let launch: ShellLaunch
    private var state = State.new
    private var exchange: ShellExchange?
    private var isKilled = false
    /// The first process of the sandbox's process namespace, as the host numbers it.
    private var namespaceRoot: pid_t?
    private var isReady = false
    private var hasPriority = false
    /// What came on descriptor 2 outside of an exchange: why the shell could not start.
    private var messages = BoundedOutput(limit: 4096)
    /// Who waits for a new state or the end of an exchange.
    var observers: [CheckedContinuation<Void, Never>] = []

    init(launch: ShellLaunch) {
        self.launch = launch
    }

    /// Runs the process. Returns when it and all that it started are gone.
    nonisolated func live() async {
        guard await beginStarting() else { return }
        BrokenPipes.areErrors
        var options = PlatformOptions()
        options.createSession = true
        // Who cancels also calls `kill()`, which gets every process. Killing just the first one here would make this
        // return too early, so the only step is a signal without effect and ample time.
        options.teardownSequence = [.send(signal: .resume, allowedDurationToNextStep: .seconds(30))]
        var exitCode: Int?
        do {
            let result = try await Subprocess.run(
                .path("/bin/sh"),
                arguments: Arguments(launch.arguments),
                environment: Environment(launch.environment),
                platformOptions: options,
                input: .inputWriter,
                output: .sequence,
                error: .sequence
            ) { execution in
                async let answers: Void = receive(execution.standardError, aboutFiles: true)
                await begin(execution.standardInputWriter, process: execution.processIdentifier.value)
                try await receive(execution.standardOutput, aboutFiles: false)
                try await answers
            }
            exitCode = result.terminationStatus.shellCode
        } catch {
            await note("\(error)")
        }
        await end(exitCode: exitCode)
    }

    /// Waits until the shell takes commands.
    ///
    /// - Throws: ``SandboxError`` where it ended before.
    func start() async throws {
        var hasEnded = await perform(.preparation(launch.preparations, directories: launch.directories)).shellEnded
        if !hasEnded, case .namespace = launch.containment {
            // `kill()` is exact only once the root is known; it is told on another pipe than the reply.
            await wait { namespaceRoot != nil || ending != nil }
            hasEnded = ending != nil
        }
        if hasEnded {
            try Task.checkCancellation()
            throw SandboxError(.failed, "The sandbox's shell could not start: \(messages.text)")
        }
        isReady = true
    }

    private func givePriority() {
        // Until it is ready it may begin another session.
        guard isReady, !hasPriority, case .running(_, let process) = state else { return }
        hasPriority = BackgroundPriority.give(to: namespaceRoot ?? process)
    }

    /// Says something to the shell and waits for the answer, or for the end of the shell.
    func perform(_ exchange: ShellExchange) async -> ShellReply {
        self.exchange = exchange
        defer { self.exchange = nil }
        await wait { !isBeforeRunning }
        givePriority()
        if case .running(let writer, _) = state {
            // Where the shell ends before it has read all, its end is noticed below.
            _ = try? await writer.write(exchange.words)
        }
        while true {
            let end = self.exchange?.end
            if let reply = self.exchange?.reply(shellEnding: ending) { return reply }
            await wait { ending != nil || self.exchange?.end != end }
        }
    }

    /// Kills every process of the sandbox. ``live()`` returns when they are gone.
    func kill() {
        isKilled = true
        switch state {
        case .new: change(to: .ended(ShellEnding()))
        case .starting, .ended: break
        case .running(_, let process): killAll(process)
        }
    }

    /// Waits until every process of the sandbox is gone.
    func waitForEnd() async {
        await wait { ending != nil }
    }

    /// How the shell ended, if it has.
    var ending: ShellEnding? {
        if case .ended(let ending) = state { ending } else { nil }
    }

    // MARK: - What live() tells

    private var isBeforeRunning: Bool {
        switch state {
        case .new, .starting: true
        case .running, .ended: false
        }
    }

    private func beginStarting() -> Bool {
        guard case .new = state else { return false }
        state = .starting
        return true
    }

    private func begin(_ writer: StandardInputWriter, process: pid_t) {
        change(to: .running(writer, process: process))
        if isKilled { killAll(process) }
    }

    /// Kills what a shell left that ended by itself; in a namespace the kernel has done that.
    private func killRemains(of process: pid_t) {
        if let marker = launch.helpers { ProcessSweep(marker: marker, leader: process).killAll() }
        switch launch.containment {
        case .namespace:
            // A bwrap that ends while it makes the namespace, such as when nobody reads what it tells any more, leaves its
            // child waiting for it, still in the process group.
            Foundation.kill(-process, SIGKILL)
        case .marker(let marker):
            guard !isKilled else { return }
            ProcessSweep(marker: marker, leader: process, group: launch.group).killAll()
        }
    }

    private func end(exitCode: Int?) {
        if case .running(_, let process) = state { killRemains(of: process) }
        change(to: .ended(ShellEnding(exitCode: isKilled ? nil : exitCode)))
    }

    private nonisolated func receive(_ stream: SubprocessOutputSequence, aboutFiles: Bool) async throws {
        for try await buffer in stream {
            await receive(buffer.withUnsafeBytes { Array($0) }, aboutFiles: aboutFiles)
        }
    }

    /// Output between two commands, of processes in the background, belongs to none and is dropped.
    private func receive(_ bytes: [UInt8], aboutFiles: Bool) {
        if exchange?.isAboutFile == aboutFiles {
            exchange?.receive(bytes)
            if exchange?.end != nil { notifyObservers() }
        } else if aboutFiles {
            note(String(decoding: bytes, as: UTF8.self))
        }
    }

    private func note(_ message: String) {
        messages.append(Array(message.utf8)[...])
        guard case .namespace = launch.containment, namespaceRoot == nil,
            let match = messages.text.firstMatch(of: /"child-pid": (\d+)\D/)
        else { return }
        namespaceRoot = pid_t(match.1)
        notifyObservers()
        if isKilled, case .running(_, let process) = state { killAll(process) }
    }

    // MARK: - Changing and killing

    private func change(to state: State) {
        self.state = state
        notifyObservers()
    }

    private func killAll(_ process: pid_t) {
        switch launch.containment {
        case .marker(let marker):
            ProcessSweep(marker: marker, leader: process, group: launch.group).killAll()
        case .namespace:
            // The kernel ends the first process of a namespace only after all others; then bwrap ends.
            // Before bwrap has told which that is, it and its child are still one process group.
            Foundation.kill(namespaceRoot ?? -process, SIGKILL)
        }
    }
}
