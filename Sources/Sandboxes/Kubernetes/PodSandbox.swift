internal import Foundation
internal import KubernetesClient
internal import Logging
internal import NIOCore

/// The sandbox of one task in a pod of its own: made, or found again, when it is first needed, and made again from the
/// last snapshot of its workspace where it was lost.
actor PodSandbox: ShellSandbox {
    /// What has to run beside the sandbox for as long as it is open.
    enum Companion: Sendable {
        case shell(PodShell)
        case watch(pod: String, uid: String)
        case lease(generation: Int)
    }

    /// Why a pod takes no commands any more.
    struct Loss: Sendable {
        var reason: String
        /// Whether what ran in it brought it about, and may do so again.
        var isOwn = false
    }

    nonisolated let workspace = PodPlan.workspace
    let id: String
    let client: KubernetesClient
    let plan: PodPlan
    let source: any PodSource
    let store: PodRecordStore
    let logger: Logger
    let companions: AsyncStream<Companion>.Continuation
    private let turnstile = Turnstile()
    private var shell: PodShell?
    private(set) var directory = PodPlan.workspace
    private(set) var isClosed = false

    // What `PodSandbox+Pod` keeps.

    var record = PodRecord()
    /// The pod that is ready.
    var ready: (name: String, uid: String)?
    var loss: Loss?
    var hasReadRecord = false
    /// Whether the workspace has to be made of the snapshots before anything else.
    var needsRestoring = false
    /// Whether the pod may have what no snapshot has.
    var needsSnapshot = false
    /// The mirrors that the task uses.
    var mirrors: [PodMirror] = []

    init(
        id: String, client: KubernetesClient, plan: PodPlan, source: any PodSource, store: PodRecordStore,
        logger: Logger, companions: AsyncStream<Companion>.Continuation
    ) {
        self.id = id
        self.client = client
        self.plan = plan
        self.source = source
        self.store = store
        self.logger = logger
        self.companions = companions
    }

    func noteEnding(of command: SandboxCommand, _ reply: ShellReply) async throws {
        directory = reply.directory ?? directory
        guard let id = command.id, reply.shellEnded else { return }
        let ending = reply.exitCode.map(CommandRecords.Ending.exited) ?? .timedOut
        let record = CommandRecords.record(id: id, ending: ending, directory: directory)
        try await turnstile.take {
            let scripts = try await readyPod()
            try await scripts.perform(#"head -c "$1" >>"$0""#, name: PodPlan.records, input: .bytes(record))
        }
    }

    func outcome(ofCommand id: String) async throws -> CommandOutcome? {
        try await turnstile.take {
            try await records(readyPod()).outcome(ofCommand: id)
        }
    }

    func provide(repository hostPath: String) async throws -> String {
        let mirror = try PodMirror(hostPath)
        guard mirror.hasCommits else { return mirror.path }
        mirrors.removeAll { $0.path == mirror.path }
        mirrors.append(mirror)
        try await turnstile.take { _ = try await readyPod() }
        return mirror.path
    }

    func start() async throws {
        try await turnstile.take { _ = try await readyShell() }
    }

    func killProcesses() async throws {
        guard let shell else { return }
        await kill(shell)
        await shell.waitForEnd()
    }

    /// Kills all processes of the pod; no shell is started any more.
    func close() async {
        isClosed = true
        companions.finish()
        if let shell { await kill(shell) }
    }

    // MARK: - Files

    /// How often something is tried in all, where a pod or a connection is lost meanwhile.
    static let mostAttempts = 3

    /// What goes through the shell is read by bash, which is slow with much.
    private static let mostBytesThroughShell = 128 << 10

    func writeFile(_ path: String, _ contents: [UInt8]) async throws {
        guard contents.count > Self.mostBytesThroughShell else {
            return try await writeFileThroughShell(path, contents)
        }
        try check(path)
        // head takes 8 KiB at a time, and with that as long as the network; not every dd can be told the number of bytes.
        let script = """
            if [ -d "$0" ]; then exit 21; fi
            if [ -e "$0" ] && [ ! -f "$0" ]; then exit 22; fi
            mkdir -p -- "$2" || exit
            if dd iflag=fullblock,count_bytes status=none count=0 </dev/null >/dev/null 2>&1; then
                dd bs=64k iflag=fullblock,count_bytes status=none count="$1" >"$0"
            else
                head -c "$1" >"$0"
            fi
            """
        let parent = (absolute(path) as NSString).deletingLastPathComponent
        let ending = try await turnstile.take {
            for attempt in 1... {
                let scripts = try await readyPod()
                do {
                    let ending = try await scripts.run(
                        script, name: absolute(path), [parent], input: .bytes(contents))
                    try await takeSnapshot(scripts)
                    if loss == nil { return ending }
                } catch let error as KubernetesError where attempt < Self.mostAttempts {
                    logger.warning("\(error)", metadata: ["task": "\(id)"])
                    try await lookForLoss()
                }
            }
            throw CancellationError()
        }
        switch ending.exitCode {
        case 0: break
        case 21: throw SandboxError(.isDirectory, "\(path) is a directory.")
        case 22: throw SandboxError(.failed, "\(path) is neither a file nor a directory.")
        default: throw SandboxError(.failed, "\(path): \(ending.errors)")
        }
    }

    // MARK: - The shell

    func talk(_ exchange: ShellExchange, timeout: Duration) async throws -> (ShellReply, timedOut: Bool) {
        try await turnstile.take {
            for attempt in 1... {
                let (reply, timedOut, failure) = try await talkOnce(exchange, timeout: timeout)
                guard let failure else { return (reply, timedOut) }
                logger.warning("\(failure.reason)", metadata: ["task": "\(id)"])
                // A new pod has the workspace as it was before the command, which can be run there.
                if attempt < Self.mostAttempts, failure.isRepeatable { continue }
                let settled = try await settle(reply, of: exchange)
                return (settled.noting(failure.reason), false)
            }
            throw CancellationError()
        }
    }

    /// Brings a command to its end that is not run again, and finds out what became of it.
    private func settle(_ reply: ShellReply, of exchange: ShellExchange) async throws -> ShellReply {
        var reply = reply
        if loss == nil {
            do {
                let scripts = try await readyPod()
                try await reachable { try await PodProcesses.killAll(client, scripts.pod) }
                if let id = exchange.commandID {
                    let records = try await records(scripts)
                    // It may have ended before it was killed, and then the shell has noted that down.
                    if case .exited(let code) = records.endings[id] {
                        (reply.exitCode, reply.directory) = (code, records.directory)
                    }
                }
                try await takeSnapshot(scripts)
            } catch  where loss != nil {
                // What the command did is gone with the pod.
            }
        }
        _ = try await readyPod()
        return reply
    }

    /// Why an exchange has no reply of the shell.
    private struct Failure {
        var reason: String
        var isRepeatable: Bool
    }

    private func talkOnce(
        _ exchange: ShellExchange, timeout: Duration
    ) async throws -> (ShellReply, timedOut: Bool, Failure?) {
        let shell = try await readyShell()
        let (reply, timedOut) = try await withThrowingTaskGroup(of: ShellReply?.self) { group in
            group.addTask { await shell.perform(exchange) }
            group.addTask {
                // Ends at the timeout and, at once, when the task is cancelled.
                try? await Task.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            if let reply = try await group.next() ?? nil { return (reply, false) }
            await kill(shell)
            guard let reply = try await group.next() ?? nil else { throw CancellationError() }
            await shell.waitForEnd()
            return (reply, true)
        }
        try Task.checkCancellation()
        if reply.shellEnded, let failure = try await failure(of: shell, exchange) { return (reply, false, failure) }
        if exchange.changesFiles, let ready {
            try await takeSnapshot(PodScripts(client: client, pod: ready.name))
            if let failure = try await failure(of: shell, exchange) { return (reply, false, failure) }
        }
        return (reply, timedOut, nil)
    }

    /// Finds out whether a shell ended because its pod or the connection to it was lost.
    private func failure(of shell: PodShell, _ exchange: ShellExchange) async throws -> Failure? {
        if loss == nil, await shell.isLost { try await lookForLoss() }
        // Whoever ends the pod ends the shell first; the cluster knows of it a little later.
        var looks = await shell.diedOfSignal ? 8 : 0
        while loss == nil, looks > 0 {
            try await lookForLoss()
            looks -= 1
            if loss == nil { try await Task.sleep(for: .milliseconds(250)) }
        }
        if let loss {
            return Failure(
                reason: "\(loss.reason) The workspace is as it was before this command.", isRepeatable: !loss.isOwn)
        }
        guard await shell.isLost else { return nil }
        return Failure(
            reason: "The connection to the pod was lost. If the command had not ended by then, it was killed.",
            isRepeatable: exchange.commandID == nil)
    }

    private func readyShell() async throws -> PodShell {
        let scripts = try await readyPod()
        if let shell, await shell.ending == nil { return shell }
        if isClosed { throw SandboxError(.failed, "The sandbox is closed.") }
        // Of a shell that ended by itself, or whose connection broke, something may still run.
        if let shell, shell.pod == scripts.pod {
            try await reachable { try await PodProcesses.killAll(client, scripts.pod) }
        }
        let shell = PodShell(client: client, pod: scripts.pod)
        self.shell = shell
        companions.yield(.shell(shell))
        try await shell.start([directory, workspace])
        return shell
    }

    /// Kills every process in the pod, also where the calling task is cancelled.
    private func kill(_ shell: PodShell) async {
        await shell.markKilled()
        // A task of its own that is waited for: in a cancelled one no request would be made.
        await Task { [client] in
            do {
                try await PodProcesses.killAll(client, shell.pod)
            } catch {
                await shell.abandon("\(error)")
            }
        }.value
    }

    /// Forgets the pod, so that what comes next makes another.
    func lose(_ loss: Loss) async {
        guard !isClosed, self.loss == nil else { return }
        self.loss = loss
        ready = nil
        await shell?.abandon(loss.reason)
    }

    /// Goes on in another directory than the workspace.
    func setDirectory(_ directory: String) { self.directory = directory }
}

extension ShellReply {
    /// The reply with a line at its end that tells the reader of the output what happened.
    fileprivate func noting(_ text: String) -> ShellReply {
        var reply = self
        reply.output.append(Array("\n[\(text)]\n".utf8)[...])
        return reply
    }
}
