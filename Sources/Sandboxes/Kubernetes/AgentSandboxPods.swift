internal import Foundation
internal import KubernetesClient
internal import Logging

/// Pods that agent-sandbox makes: of a claim on a warm pool, or of a sandbox for each task where there is no pool.
///
/// Each object has a `shutdownTime` that is renewed while its task is at work. Where no service comes back to renew it,
/// the controller deletes the object and its pod.
struct AgentSandboxPods: PodSource {
    /// How long a pod outlives its service; a restart takes less.
    static let lease = Duration.seconds(900)

    let client: KubernetesClient
    let plan: PodPlan
    /// `nil` makes a sandbox for each task.
    let pool: String?
    let logger: Logger

    private var resource: KubernetesResource { pool == nil ? .sandboxes : .sandboxClaims }
    private var kind: String { pool == nil ? "Sandbox" : "SandboxClaim" }

    func make(id: String, generation: Int) async throws -> String {
        // The controller makes the pod of a sandbox again that lost it, and nobody would work in that.
        if generation > 1 { try await delete(id: id, generation: generation - 1) }
        let name = plan.name(of: id, generation: generation)
        do {
            let _: AgentSandbox = try await client.create(resource, manifest(id: id, generation: generation))
        } catch let error as KubernetesError where error.reason == "AlreadyExists" {
            try await checkOurs(name)
        } catch let error as KubernetesError where error.isNotFound {
            throw SandboxError(
                .unavailable, "The cluster has no \(kind) of agent-sandbox (v1beta1): install it with its extensions.")
        }
        do {
            return try await readyPod(of: name)
        } catch let error as SandboxError {
            try? await client.delete(resource, name)
            throw error
        }
    }

    private func checkOurs(_ name: String) async throws {
        let object: AgentSandbox
        do {
            object = try await client.get(resource, name)
        } catch let error as KubernetesError where error.isNotFound {
            throw PodNameTaken()
        }
        try plan.checkOwner(of: object.metadata, kind)
        guard object.metadata.deletionTimestamp == nil else { throw PodNameTaken() }
    }

    func delete(id: String, generation: Int) async throws {
        try await client.delete(resource, plan.name(of: id, generation: generation))
    }

    func deleteAll(except ids: Set<String>) async throws {
        try await client.deleteAll(resource, ownedBy: plan.owner, except: ids)
    }

    // MARK: - Manifests

    private func manifest(id: String, generation: Int) -> ManifestValue {
        let pod = plan.manifest(id: id, generation: generation)
        var object: ManifestValue = [
            "apiVersion": .string("\(resource.group)/\(resource.version)"), "kind": .string(kind),
            "metadata": pod["metadata"] ?? [:],
        ]
        let lifecycle: ManifestValue = [
            "shutdownTime": .string(Self.time(after: Self.lease)), "shutdownPolicy": "Delete",
        ]
        if let pool {
            // Variables or volumes of its own would keep a claim from the pods that wait.
            object["spec"] = ["warmPoolRef": ["name": .string(pool)], "lifecycle": lifecycle]
        } else {
            let template: ManifestValue = [
                "metadata": ["labels": pod["metadata"]?["labels"] ?? [:]], "spec": pod["spec"] ?? [:],
            ]
            object["spec"] = lifecycle.merged(with: ["podTemplate": template])
        }
        return object
    }

    private static func time(after duration: Duration) -> String {
        Date(timeIntervalSinceNow: duration / .seconds(1)).formatted(.iso8601)
    }

    // MARK: - Readiness

    /// Waits until the object is ready, and fails as soon as its pod says that it never will be.
    private func readyPod(of name: String) async throws -> String {
        let timeout = plan.settings.startTimeout
        let pod = try await withThrowingTaskGroup(of: String?.self) { group in
            group.addTask { try await podName(of: name) { $0.isReady } }
            group.addTask {
                let pod = try await podName(of: name) { pool == nil || $0.status?.sandbox?.name != nil }
                try await client.follow(.pods, pod, as: Pod.self) { $0 == nil ? nil : () }
                _ = try await PodReadiness(client: client, pod: pod, timeout: timeout).wait()
                // The object says so a moment later.
                try await Task.sleep(for: timeout)
                return nil
            }
            group.addTask {
                try await Task.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        if let pod { return pod }
        let last: AgentSandbox? = try? await client.get(resource, name)
        let reason = last?.ready.map { "\($0.reason ?? "not ready"): \($0.message ?? "")" }
        throw SandboxError(
            .failed,
            "The \(kind) \(name) was not ready within \(timeout): \(reason ?? "the controller of agent-sandbox is silent")"
        )
    }

    /// The name of the pod, once the object is as it should be.
    private func podName(
        of name: String, where isGood: @escaping @Sendable (AgentSandbox) -> Bool
    ) async throws -> String {
        let object = try await client.follow(resource, name, as: AgentSandbox.self) { object -> AgentSandbox? in
            guard let object else {
                throw SandboxError(.failed, "The \(kind) \(name) was deleted before it was ready.")
            }
            return isGood(object) ? object : nil
        }
        guard pool != nil else { return object.podName }
        guard let sandbox = object.status?.sandbox?.name else {
            throw SandboxError(.failed, "The SandboxClaim \(name) is ready and names no sandbox.")
        }
        let found: AgentSandbox = try await client.get(.sandboxes, sandbox)
        return found.podName
    }

    // MARK: - The lease

    func keepAlive(id: String, generation: Int) async {
        let name = plan.name(of: id, generation: generation)
        while !Task.isCancelled {
            guard await renew(name, for: Self.lease) else { return }
            try? await Task.sleep(for: Self.lease / 3)
        }
        // A task that waits for a person, or for the next service, has the time that any pod has.
        _ = await renew(name, for: .seconds(plan.settings.lifetimeSeconds))
    }

    /// - Returns: Whether there is anything to renew. A server that is away may be back the next time.
    private func renew(_ name: String, for duration: Duration) async -> Bool {
        let time: ManifestValue = ["shutdownTime": .string(Self.time(after: duration))]
        // A task of its own that is waited for: in a cancelled one no request would be made, and one that is broken off may
        // still arrive, after the next.
        return await Task {
            do {
                let _: AgentSandbox = try await client.patch(
                    resource, name, ["spec": pool == nil ? time : ["lifecycle": time]])
            } catch let error as KubernetesError where error.isNotFound {
                return false
            } catch {
                logger.warning("the lease of a sandbox could not be renewed: \(error)", metadata: ["name": "\(name)"])
            }
            return true
        }.value
    }
}
