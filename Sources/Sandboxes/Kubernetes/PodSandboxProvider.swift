internal import Foundation
public import KubernetesClient
public import Logging

/// Sandboxes in pods of a cluster, one pod a task.
///
/// A pod stays when a sandbox is closed, as the files of a task do, until ``remove(id:)``; the next start finds it again.
/// The cluster ends it after ``PodSandboxSettings/lifetimeSeconds`` in any case.
public struct PodSandboxProvider: SandboxProvider {
    public let kind: String
    private static let ownerFile = ".owner"

    private let client: KubernetesClient
    private let plan: PodPlan
    private let source: any PodSource
    private let state: String
    private let logger: Logger

    /// - Parameter state: A directory of the host that tells, also after a restart, which tasks have had a pod and which
    ///   installation they belong to.
    /// - Throws: ``SandboxError`` where the directory cannot be written.
    public init(client: KubernetesClient, settings: PodSandboxSettings, state: String, logger: Logger) throws {
        self.client = client
        self.logger = logger
        self.state = state
        let file = "\(state)/\(Self.ownerFile)"
        do {
            try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
            if !FileManager.default.fileExists(atPath: file) {
                try Data(UUID().uuidString.lowercased().utf8).write(to: URL(filePath: file), options: .atomic)
            }
            let owner = try String(contentsOfFile: file, encoding: .utf8)
            plan = PodPlan(settings: settings, owner: try SandboxName.checked(owner))
        } catch let error as SandboxError {
            throw error
        } catch {
            throw SandboxError(.failed, "The directory \(state) cannot be used: \(error.localizedDescription)")
        }
        switch settings.origin {
        case .pods:
            (kind, source) = ("k8s", DirectPods(client: client, plan: plan))
        case .sandboxes:
            kind = "agent-sandbox"
            source = AgentSandboxPods(client: client, plan: plan, pool: nil, logger: logger)
        case .warmPool(let name):
            kind = "agent-sandbox"
            source = AgentSandboxPods(client: client, plan: plan, pool: name, logger: logger)
        }
    }

    public func withSandbox<Result: Sendable>(
        id: String, _ body: @Sendable (any Sandbox) async throws -> Result
    ) async throws -> Result {
        let id = try Self.checked(id)
        let (stream, companions) = AsyncStream<PodSandbox.Companion>.makeStream()
        let sandbox = PodSandbox(
            id: id, client: client, plan: plan, source: source, store: store(of: id), logger: logger,
            companions: companions)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await withTaskGroup { companions in
                    for await companion in stream {
                        switch companion {
                        case .shell(let shell): companions.addTask { await shell.live() }
                        case .watch(let pod, let uid): companions.addTask { await sandbox.watch(pod, uid) }
                        case .lease(let generation):
                            companions.addTask { await source.keepAlive(id: id, generation: generation) }
                        }
                    }
                    companions.cancelAll()
                }
            }
            do {
                let result = try await body(sandbox)
                await sandbox.close()
                group.cancelAll()
                return result
            } catch {
                await sandbox.close()
                group.cancelAll()
                throw error
            }
        }
    }

    public func remove(id: String) async throws {
        let id = try Self.checked(id)
        let store = store(of: id)
        let generations = try store.read()?.generation ?? 1
        do {
            // Those before the last were lost, but one whose node is away may still be known to the cluster.
            for generation in 1...max(generations, 1) {
                try await source.delete(id: id, generation: generation)
            }
        } catch let error as KubernetesError {
            throw SandboxError(.failed, "The pod of the task could not be deleted: \(error.message)")
        }
        try store.remove()
    }

    /// The tasks that have, or had, a pod.
    public func existing() async throws -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: state)) ?? []
        return names.filter { $0 != Self.ownerFile }
    }

    private func store(of id: String) -> PodRecordStore { PodRecordStore(directory: "\(state)/\(id)") }

    /// Deletes the pods of this installation whose tasks are over: what a service that was killed left behind.
    ///
    /// - Parameter ids: The tasks that go on.
    public func removeAll(except ids: Set<String>) async throws {
        do {
            try await source.deleteAll(except: ids)
        } catch let error as KubernetesError {
            throw SandboxError(.unavailable, error.message)
        }
    }

    /// An id that can be part of a pod's name and a label's value.
    private static func checked(_ id: String) throws -> String {
        let id = try SandboxName.checked(id)
        guard id.utf8.count <= 52, id.wholeMatch(of: /[a-z0-9]([a-z0-9-]*[a-z0-9])?/) != nil else {
            throw SandboxError(.failed, "\(id) cannot name a pod: use at most 52 lower-case letters, digits and '-'.")
        }
        return id
    }
}
