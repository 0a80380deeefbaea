internal import Foundation
internal import KubernetesClient
internal import NIOCore

/// One bash in a pod, from its start to its end, and the conversation with it over one exec connection.
///
/// ``live()`` hosts the connection; it has to run beside ``start(_:)`` and ``perform(_:)``, of which one at a time may run.
actor PodShell: ObservedActor {
    private enum State {
        case new
        case running(ExecSession)
        case ended(ShellEnding)
    }

    /// Prepares the descriptors as ``ShellScript`` wants them. Where the runtime's pipe cannot be opened by name, bash
    /// reads it as its standard input.
    private static let launch = """
        for program in bash git tar; do
            command -v "$program" >/dev/null || {
                echo "the image of the pod has no $program; \(PodPlan.advice)" >&2
                exit 96
            }
        done
        exec 3>>"$0" 4<&0 || exit
        if ( : </dev/fd/4 ) 2>/dev/null; then exec bash --noprofile --norc /dev/fd/4 0</dev/null; fi
        exec bash --noprofile --norc -s
        """

    private let client: KubernetesClient
    let pod: String
    private var state = State.new
    private var exchange: ShellExchange?
    private var isKilled = false
    /// Whether the connection broke, so that nobody here knows how far the last exchange came.
    private(set) var isLost = false
    private var messages = BoundedOutput(limit: 4096)
    var observers: [CheckedContinuation<Void, Never>] = []

    init(client: KubernetesClient, pod: String) {
        self.client = client
        self.pod = pod
    }

    /// Runs the shell. Returns when it has ended or the connection is lost.
    nonisolated func live() async {
        do {
            let command = ["/bin/sh", "-c", Self.launch, PodPlan.records]
            let outcome = try await client.exec(pod, container: PodPlan.main, command, hasInput: true) { session in
                await self.change(to: .running(session))
                return try await session.receive { output in
                    switch output {
                    case .standard(let bytes): await self.receive(Array(bytes.readableBytesView), aboutFiles: false)
                    case .error(let bytes): await self.receive(Array(bytes.readableBytesView), aboutFiles: true)
                    }
                }
            }
            switch outcome {
            case .exited(let code): await end(exitCode: code)
            case .failed(let reason): await end(exitCode: nil, message: reason)
            }
        } catch {
            await lose("\(error)")
        }
    }

    private func lose(_ reason: String) {
        isLost = !isKilled && ending == nil
        end(exitCode: nil, message: reason)
    }

    /// Waits until the shell takes commands, in the first directory that exists.
    ///
    /// - Throws: ``SandboxError`` where it ended before.
    func start(_ directories: [String]) async throws {
        if await perform(.preparation([], directories: directories)).shellEnded {
            try Task.checkCancellation()
            throw SandboxError(.failed, "The shell in pod \(pod) could not start: \(messages.text)")
        }
    }

    /// Says something to the shell and waits for the answer, or for the end of the shell.
    func perform(_ exchange: ShellExchange) async -> ShellReply {
        self.exchange = exchange
        defer { self.exchange = nil }
        await wait { if case .new = state { false } else { true } }
        if case .running(let session) = state {
            // Where the shell ends before it has read all, its end is noticed below.
            _ = try? await session.write(exchange.words)
        }
        while true {
            let end = self.exchange?.end
            if let reply = self.exchange?.reply(shellEnding: ending) { return reply }
            // The connection stays open as long as something the shell started holds its output.
            if end?.hasPrefix("exit ") == true, ending == nil { try? await PodProcesses.killAll(client, pod) }
            await wait { ending != nil || self.exchange?.end != end }
        }
    }

    /// Counts the shell as killed: how it ends says nothing of the command.
    func markKilled() { isKilled = true }

    /// Counts the shell as ended, where the pod is gone or cannot be reached.
    func abandon(_ reason: String) {
        isKilled = true
        end(exitCode: nil, message: reason)
    }

    func waitForEnd() async {
        await wait { ending != nil }
    }

    /// How the shell ended, if it has.
    var ending: ShellEnding? {
        if case .ended(let ending) = state { ending } else { nil }
    }

    /// Whether a signal ended it that this service did not send: perhaps the pod ends.
    var diedOfSignal: Bool { !isKilled && [128 + SIGKILL, 128 + SIGTERM].contains(ending?.exitCode.map(Int32.init)) }

    /// What was said outside of exchanges: why the shell could not start or was lost.
    var reason: String { messages.text }

    private func end(exitCode: Int?, message: String? = nil) {
        if case .ended = state { return }
        if let message { messages.append(Array(message.utf8)[...]) }
        change(to: .ended(ShellEnding(exitCode: isKilled ? nil : exitCode)))
    }

    private func receive(_ bytes: [UInt8], aboutFiles: Bool) {
        if exchange?.isAboutFile == aboutFiles {
            exchange?.receive(bytes)
            if exchange?.end != nil { notifyObservers() }
        } else if aboutFiles {
            messages.append(bytes[...])
        }
    }

    private func change(to state: State) {
        if case .ended = self.state { return }
        self.state = state
        notifyObservers()
    }
}
