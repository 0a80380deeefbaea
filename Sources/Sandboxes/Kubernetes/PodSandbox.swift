internal import Foundation
internal import KubernetesClient
internal import NIOCore
internal import SystemPackage

/// The sandbox of one task in a pod of its own: made, or found again, when it is first needed.
actor PodSandbox: ShellSandbox {
    /// What has to run beside the sandbox for as long as it is open.
    enum Companion: Sendable {
        case shell(PodShell)
        case watch
    }

    nonisolated let workspace = PodPlan.workspace
    private let id: String
    private let client: KubernetesClient
    private let plan: PodPlan
    /// A file of the host that tells that the task has had a pod.
    private let trace: String
    private let companions: AsyncStream<Companion>.Continuation
    private let turnstile = Turnstile()
    private var shell: PodShell?
    private var directory = PodPlan.workspace
    /// The uid of the pod, once it is ready.
    private var uid: String?
    /// Why there is no pod any more.
    private var loss: String?
    private var isClosed = false
    /// What was sent of each mirror.
    private var sent: [String: String] = [:]

    var pod: String { plan.name(of: id) }

    init(
        id: String, client: KubernetesClient, plan: PodPlan, trace: String,
        companions: AsyncStream<Companion>.Continuation
    ) {
        self.id = id
        self.client = client
        self.plan = plan
        self.trace = trace
        self.companions = companions
    }

    func noteEnding(of command: SandboxCommand, _ reply: ShellReply) async throws {
        directory = reply.directory ?? directory
        guard let id = command.id, reply.shellEnded else { return }
        let ending = reply.exitCode.map(CommandRecords.Ending.exited) ?? .timedOut
        let record = CommandRecords.record(id: id, ending: ending, directory: directory)
        try await send(record, to: #"head -c "$1" >>"$0""#, [PodPlan.records], container: PodPlan.main)
    }

    func outcome(ofCommand id: String) async throws -> CommandOutcome? {
        try await inTurn { try await readyPod() }
        return try await records().outcome(ofCommand: id)
    }

    func start() async throws {
        try await inTurn { _ = try await readyShell() }
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

    // MARK: - The mirror

    func provide(repository hostPath: String) async throws -> String {
        guard hostPath.hasPrefix("/"), FileManager.default.fileExists(atPath: hostPath) else {
            throw SandboxError(.notFound, "There is no repository at \(hostPath).")
        }
        let path = PodPlan.repositories + "/" + (try SandboxName.checked((hostPath as NSString).lastPathComponent))
        let state = MirrorState(of: hostPath)
        // An empty directory will hold a mirror later.
        guard state.hasCommits, sent[path] != state.text else { return path }
        try await inTurn {
            try await readyPod()
            try await sendMirror(hostPath, to: path, state)
        }
        sent[path] = state.text
        return path
    }

    private func sendMirror(_ hostPath: String, to path: String, _ state: MirrorState) async throws {
        let bundle = trace + ".bundle"
        defer { try? FileManager.default.removeItem(atPath: bundle) }
        let made = try await HostCommand(
            executable: "git", arguments: ["bundle", "create", "--quiet", bundle, "--all"],
            environment: [
                "PATH": ProcessInfo.processInfo.environment["PATH"] ?? ProgramSearch.defaultPath, "GIT_DIR": hostPath,
                "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
            ], timeout: .seconds(600)
        ).run()
        guard made.succeeded else {
            throw SandboxError(.failed, "The repository could not be packed for the pod: \(made.errorOutput.suffix(300))")
        }
        // The clone reads tags from packed-refs, and only branches and tags are of use to it.
        let script = """
            set -e
            export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
            rm -rf -- "$0.new"
            git init --quiet --bare --object-format="$2" "$0.new"
            head -c "$1" >"$0.new/bundle"
            cd "$0.new"
            git bundle unbundle bundle >refs.txt
            rm bundle
            while read -r commit name; do
                case $name in refs/*) echo "create $name $commit" ;; esac
            done <refs.txt | git update-ref --stdin
            git pack-refs --all
            rm -rf -- "$0"
            mv -- "$0.new" "$0"
            """
        try await send(file: bundle, to: script, [path], [state.format], container: PodPlan.keeper)
    }

    // MARK: - Sending

    /// Runs a script in the pod with bytes as its input. In the script `$1` is their number: not every server can tell
    /// the end of input.
    private func send(_ bytes: [UInt8], to script: String, _ before: [String], container: String) async throws {
        try await command(script, before + [String(bytes.count)], container: container) { session in
            try await session.write(ByteBuffer(bytes: bytes))
        }
    }

    private func send(
        file: String, to script: String, _ before: [String], _ after: [String], container: String
    ) async throws {
        let descriptor = try FileDescriptor.open(FilePath(file), .readOnly, options: .closeOnExec)
        defer { try? descriptor.close() }
        let count = try descriptor.seek(offset: 0, from: .end)
        try descriptor.seek(offset: 0, from: .start)
        try await command(script, before + [String(count)] + after, container: container) { session in
            while true {
                let part = try [UInt8](unsafeUninitializedCapacity: 256 << 10) { buffer, count in
                    count = try descriptor.read(into: UnsafeMutableRawBufferPointer(buffer))
                }
                if part.isEmpty { break }
                try await session.write(ByteBuffer(bytes: part))
            }
        }
    }

    @discardableResult
    private func command(
        _ script: String, _ arguments: [String], container: String,
        _ write: @escaping @Sendable (ExecSession) async throws -> Void = { _ in }
    ) async throws -> [UInt8] {
        do {
            let words = ["/bin/sh", "-c", script] + arguments
            let (outcome, output, errors) = try await client.exec(
                pod, container: container, words, hasInput: true
            ) { session in
                async let written: Void? = try? write(session)
                var output: [UInt8] = []
                var errors = BoundedOutput(limit: 4096)
                let outcome = try await session.receive { piece in
                    switch piece {
                    case .standard(let bytes): if output.count < 64 << 20 { output += bytes.readableBytesView }
                    case .error(let bytes): errors.append(Array(bytes.readableBytesView)[...])
                    }
                }
                _ = await written
                return (outcome, output, errors.text)
            }
            guard outcome == .exited(0) else {
                throw SandboxError(.failed, "A command of ours in pod \(pod) failed (\(outcome)): \(errors)")
            }
            return output
        } catch let error as KubernetesError {
            throw SandboxError(.failed, loss ?? error.message)
        }
    }

    // MARK: - The shell

    func talk(_ exchange: ShellExchange, timeout: Duration) async throws -> (ShellReply, timedOut: Bool) {
        try await inTurn { try await talkInTurn(exchange, timeout: timeout) }
    }

    private func inTurn<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        try await turnstile.enter()
        do {
            let result = try await body()
            await turnstile.leave()
            return result
        } catch {
            await turnstile.leave()
            throw error
        }
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
            if let reply = try await group.next() ?? nil {
                try Task.checkCancellation()
                if let loss { throw SandboxError(.failed, loss) }
                return (reply, false)
            }
            await kill(shell)
            guard let reply = try await group.next() ?? nil else { throw CancellationError() }
            await shell.waitForEnd()
            try Task.checkCancellation()
            if let loss { throw SandboxError(.failed, loss) }
            return (reply, true)
        }
    }

    private func readyShell() async throws -> PodShell {
        if let shell, await shell.ending == nil { return shell }
        if isClosed { throw SandboxError(.failed, "The sandbox is closed.") }
        try await readyPod()
        // Of a shell that ended by itself, or whose connection broke, something may still run.
        if shell != nil { try await killRemains() }
        let shell = PodShell(client: client, pod: pod)
        self.shell = shell
        companions.yield(.shell(shell))
        try await shell.start([directory, workspace])
        return shell
    }

    private func killRemains() async throws {
        do {
            try await PodProcesses.killAll(client, pod)
        } catch let error as KubernetesError {
            throw SandboxError(.failed, loss ?? error.message)
        }
    }

    /// Kills every process in the pod, also where the calling task is cancelled.
    private func kill(_ shell: PodShell) async {
        await shell.markKilled()
        // A task of its own that is waited for: in a cancelled one no request would be made.
        await Task { [client, pod] in
            do {
                try await PodProcesses.killAll(client, pod)
            } catch {
                await shell.abandon("\(error)")
            }
        }.value
    }

    // MARK: - The pod

    /// Makes sure that the pod is there and takes commands.
    private func readyPod() async throws {
        if let loss { throw SandboxError(.failed, loss) }
        guard uid == nil else { return }
        do {
            let (found, isNew) = try await findOrMake()
            let ready = try await PodReadiness(client: client, pod: pod, timeout: plan.settings.startTimeout).wait()
            uid = ready.metadata.uid ?? found.metadata.uid
            do {
                try Data((uid ?? "").utf8).write(to: URL(filePath: trace))
            } catch {
                throw SandboxError(.failed, "\(trace) cannot be written: \(error.localizedDescription)")
            }
            if !isNew {
                // A service that was killed cannot have cleaned up after itself.
                try await PodProcesses.killAll(client, pod)
                directory = try await records().directory ?? workspace
            }
        } catch let error as KubernetesError {
            throw SandboxError(.failed, "The pod of the task cannot be used: \(error.message)")
        }
        companions.yield(.watch)
    }

    private func findOrMake() async throws -> (Pod, isNew: Bool) {
        let before = FileManager.default.contents(atPath: trace).map { String(decoding: $0, as: UTF8.self) }
        if let before {
            // What earlier steps of the task left is in that pod and nowhere else.
            let gone = SandboxError(.failed, "The pod of the task is gone, and the files in it are lost.")
            let pod: Pod? = try await existing()
            guard let pod, pod.metadata.uid == before, pod.metadata.deletionTimestamp == nil, !pod.hasEnded else {
                throw gone
            }
            return (pod, false)
        }
        while true {
            do {
                return (try await client.create(.pods, plan.manifest(id: id)), true)
            } catch let error as KubernetesError where error.reason == "AlreadyExists" {
                guard let pod = try await existing() else { continue }
                guard pod.metadata.labels?[PodPlan.ownerLabel] == plan.owner else {
                    throw SandboxError(.failed, "A pod \(self.pod) exists that belongs to someone else.")
                }
                if pod.metadata.deletionTimestamp == nil, !pod.hasEnded { return (pod, false) }
                try await client.delete(.pods, self.pod, uid: pod.metadata.uid)
                try await client.follow(.pods, self.pod, as: Pod.self) { $0?.metadata.uid == pod.metadata.uid ? nil : () }
            }
        }
    }

    private func existing() async throws -> Pod? {
        do {
            return try await client.get(.pods, pod)
        } catch let error as KubernetesError where error.isNotFound {
            return nil
        }
    }

    /// Waits until the pod has ended, by whatever cause, and lets the sandbox know.
    nonisolated func watch() async {
        do {
            let pod = await pod
            let reason = try await client.follow(.pods, pod, as: Pod.self) { object -> String? in
                guard let object else { return "The pod \(pod) of the task was deleted." }
                if object.metadata.deletionTimestamp != nil { return "The pod \(pod) of the task is being deleted." }
                guard object.hasEnded else { return nil }
                let ended = object.status?.containerStatuses?.compactMap(\.state?.terminated?.reason).first
                let cause = [object.status?.reason ?? ended, object.status?.message].compactMap(\.self)
                return "The pod \(pod) of the task has ended: \(cause.isEmpty ? "no reason was given" : cause.joined(separator: ": "))"
            }
            await lose(reason)
        } catch {
            // Without a watch the end of the pod is noticed by the next command.
        }
    }

    private func lose(_ reason: String) async {
        guard !isClosed else { return }
        loss = reason
        await shell?.abandon(reason)
    }

    private func records() async throws -> CommandRecords {
        CommandRecords(bytes: try await command("cat -- \"$0\" 2>/dev/null || :", [PodPlan.records], container: PodPlan.main))
    }
}

/// What a mirror on the host holds, told by its references: they are few files and change with every commit.
private struct MirrorState {
    var text = ""
    var format = "sha1"
    var hasCommits: Bool { !text.isEmpty }

    init(of path: String) {
        let files = FileManager.default
        text += (try? String(contentsOfFile: "\(path)/packed-refs", encoding: .utf8)) ?? ""
        for name in files.enumerator(atPath: "\(path)/refs")?.compactMap({ $0 as? String }).sorted() ?? [] {
            if let value = try? String(contentsOfFile: "\(path)/refs/\(name)", encoding: .utf8) { text += "\(name) \(value)" }
        }
        let config = (try? String(contentsOfFile: "\(path)/config", encoding: .utf8)) ?? ""
        if config.lowercased().contains(/objectformat\s*=\s*sha256/) { format = "sha256" }
    }
}
