internal import Foundation
internal import KubernetesClient
internal import Logging
internal import NIOCore

/// The pod of a sandbox: found, made, watched, and made again.
extension PodSandbox {
    /// Makes sure that there is a pod that takes commands, with the mirrors and the workspace in it.
    ///
    /// - Throws: ``SandboxError``, or `CancellationError`.
    func readyPod() async throws -> PodScripts {
        for attempt in 1... {
            do {
                return try await preparePod()
            } catch let error as SandboxError where attempt < Self.mostAttempts {
                try Task.checkCancellation()
                try await lookForLoss()
                guard let loss, !loss.isOwn else { throw error }
                logger.warning("\(error)", metadata: ["task": "\(id)"])
            }
        }
        throw CancellationError()
    }

    private func preparePod() async throws -> PodScripts {
        if let loss { try prepareAnother(after: loss) }
        let pod: String
        if let ready {
            pod = ready.name
        } else {
            pod = try await reachable { try await findOrMake() }
        }
        let scripts = PodScripts(client: client, pod: pod)
        for mirror in mirrors where record.mirrors[mirror.path] != mirror.state {
            try await reachable { try await mirror.send(by: scripts, bundle: store.bundle) }
            record.mirrors[mirror.path] = mirror.state
            try store.write(record)
        }
        if needsRestoring { try await reachable { try await restore(by: scripts) } }
        if needsSnapshot, !mirrors.isEmpty {
            needsSnapshot = false
            try await takeSnapshot(scripts)
        }
        return scripts
    }

    /// Turns what the client says into an error of the sandbox.
    func reachable<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as KubernetesError {
            if let loss { throw SandboxError(.failed, loss.reason) }
            throw SandboxError(.failed, "The pod of the task cannot be used: \(error.message)")
        }
    }

    func records(_ scripts: PodScripts) async throws -> CommandRecords {
        let bytes = BytesBox(limit: 16 << 20)
        try await reachable {
            try await scripts.perform("cat -- \"$0\" 2>/dev/null || :", name: PodPlan.records, output: bytes)
        }
        return CommandRecords(bytes: await bytes.bytes)
    }

    // MARK: - One pod and the next

    private func prepareAnother(after loss: Loss) throws {
        guard record.isWhole else {
            throw SandboxError(
                .failed, "\(loss.reason) The files in it are lost, as no snapshot holds all of them.")
        }
        self.loss = nil
        record.generation += 1
        (record.pod, record.uid) = (nil, nil)
        record.mirrors = [:]
        try store.write(record)
        needsRestoring = !record.snapshots.isEmpty
    }

    private func findOrMake() async throws -> String {
        if !hasReadRecord {
            if let known = try store.read() {
                record = known
                needsRestoring = known.uid == nil && !known.snapshots.isEmpty
            }
            hasReadRecord = true
        }
        if let uid = record.uid {
            let name = record.pod ?? plan.name(of: id, generation: record.generation)
            let pod = try await existing(name)
            if let pod, pod.metadata.uid == uid, pod.metadata.deletionTimestamp == nil,
                pod.ending(of: PodPlan.main) == nil
            {
                return try await adopt(name, uid)
            }
            let reason = pod?.ending(of: PodPlan.main)?.reason ?? "it was deleted"
            try prepareAnother(after: Loss(reason: "The pod of the task is gone: \(reason)."))
        }
        try store.write(record)
        while true {
            do {
                return try await begin(try await source.make(id: id, generation: record.generation))
            } catch is PodNameTaken {
                record.generation += 1
                try store.write(record)
            }
        }
    }

    private func existing(_ name: String) async throws -> Pod? {
        do {
            return try await client.get(.pods, name)
        } catch let error as KubernetesError where error.isNotFound {
            return nil
        }
    }

    private func begin(_ name: String) async throws -> String {
        let pod: Pod
        do {
            pod = try await PodReadiness(client: client, pod: name, timeout: plan.settings.startTimeout).wait()
        } catch let error as SandboxError {
            // One that cannot start takes up room, and what keeps it from that is said.
            try? await source.delete(id: id, generation: record.generation)
            throw error
        }
        let uid = pod.metadata.uid ?? ""
        (record.pod, record.uid) = (name, uid)
        try store.write(record)
        use(name, uid)
        return name
    }

    private func adopt(_ name: String, _ uid: String) async throws -> String {
        _ = try await PodReadiness(client: client, pod: name, timeout: plan.settings.startTimeout).wait()
        // A service that was killed cannot have cleaned up after itself.
        try await PodProcesses.killAll(client, name)
        use(name, uid)
        // What the last service saw end, and had no time to bring over.
        needsSnapshot = true
        setDirectory(try await records(PodScripts(client: client, pod: name)).directory ?? workspace)
        return name
    }

    private func use(_ name: String, _ uid: String) {
        ready = (name, uid)
        companions.yield(.watch(pod: name, uid: uid))
        companions.yield(.lease(generation: record.generation))
    }

    // MARK: - Losing a pod

    /// Waits until the pod has ended, by whatever cause, and lets the sandbox know.
    nonisolated func watch(_ name: String, _ uid: String) async {
        do {
            let loss = try await client.follow(.pods, name, as: Pod.self) { Self.loss(of: $0, name, uid) }
            await lose(loss, of: uid)
        } catch {
            // Without a watch the end of the pod is noticed when the connection to it breaks.
        }
    }

    private func lose(_ loss: Loss, of uid: String) async {
        if ready?.uid == uid { await lose(loss) }
    }

    /// Asks the cluster whether the pod is still there.
    func lookForLoss() async throws {
        guard let ready else { return }
        let pod = try await reachable { try await existing(ready.name) }
        if let loss = Self.loss(of: pod, ready.name, ready.uid) { await lose(loss, of: ready.uid) }
    }

    private static func loss(of pod: Pod?, _ name: String, _ uid: String) -> Loss? {
        guard let pod, pod.metadata.uid == uid else { return Loss(reason: "The pod \(name) of the task was deleted.") }
        if let ending = pod.ending(of: PodPlan.main) {
            return Loss(reason: "The pod \(name) of the task has ended: \(ending.reason).", isOwn: ending.isOwn)
        }
        guard pod.metadata.deletionTimestamp == nil else {
            return Loss(reason: "The pod \(name) of the task is being deleted.")
        }
        return nil
    }

    // MARK: - Snapshots

    /// Brings what changed in the workspace to the host. Where that fails the task goes on, but not in another pod.
    ///
    /// - Throws: `CancellationError`; then nothing is recorded of the command either.
    func takeSnapshot(_ scripts: PodScripts) async throws {
        do {
            guard !mirrors.isEmpty else {
                // Without a repository there is nothing to build a snapshot upon.
                if record.isWhole {
                    record.isWhole = false
                    try store.write(record)
                }
                return
            }
            try await takeSnapshotOrFail(scripts)
        } catch {
            try Task.checkCancellation()
            try await lookForLoss()
            // The earlier snapshots are what the next pod begins with.
            guard loss == nil else { return }
            record.isWhole = false
            try store.write(record)
            logger.warning("the workspace in the pod could not be saved: \(error)", metadata: ["task": "\(id)"])
        }
    }

    private func takeSnapshotOrFail(_ scripts: PodScripts) async throws {
        record.snapshotCount += 1
        let number = record.snapshotCount
        let isNewChain = record.snapshots.count >= PodSnapshots.longestChain
        let last = isNewChain ? 0 : record.snapshots.last ?? 0
        let path = store.snapshot(number)
        let file = try BoundedFile(path, limit: PodSnapshots.limit)
        do {
            try await scripts.perform(
                PodSnapshots.take, name: workspace, [String(number), String(last), PodPlan.records], output: file)
            try await file.finish()
        } catch {
            try? await file.finish()
            try? FileManager.default.removeItem(atPath: path)
            throw error
        }
        let isEmpty = await file.size == 0
        if isEmpty, !isNewChain {
            try FileManager.default.removeItem(atPath: path)
            guard !record.isWhole else { return }
            record.isWhole = true
            return try store.write(record)
        }
        let old = isNewChain ? record.snapshots : []
        record.snapshots = (isNewChain ? [] : record.snapshots) + [number]
        record.isWhole = true
        try store.write(record)
        for number in old { try? FileManager.default.removeItem(atPath: store.snapshot(number)) }
    }

    private func restore(by scripts: PodScripts) async throws {
        let files = record.snapshots.map { store.snapshot($0) }
        let sizes = try files.map { file in
            "\((try FileManager.default.attributesOfItem(atPath: file)[.size] as? NSNumber)?.intValue ?? 0)"
        }
        try await scripts.perform(
            PodSnapshots.restore, name: workspace, [PodPlan.records] + sizes, input: .files(files))
        needsRestoring = false
        logger.info("the workspace was restored in pod \(scripts.pod)", metadata: ["task": "\(id)"])
    }
}

/// Bytes that arrive in pieces, up to a limit; what follows is dropped.
private actor BytesBox: PodScriptOutput {
    private let limit: Int
    private(set) var bytes: [UInt8] = []

    init(limit: Int) { self.limit = limit }

    func append(_ buffer: ByteBuffer) {
        bytes += buffer.readableBytesView.prefix(limit - bytes.count)
    }

    func restart() { bytes = [] }
}
