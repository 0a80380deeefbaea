internal import KubernetesClient

/// How the pods of tasks come to be, and go.
protocol PodSource: Sendable {
    /// Has the pod of a task made, or finds the one that an earlier request made whose answer was lost.
    ///
    /// - Returns: The pod's name. The pod need not be ready.
    /// - Throws: ``PodNameTaken``, `KubernetesError`, or ``SandboxError`` where the cluster cannot make it.
    func make(id: String, generation: Int) async throws -> String

    /// Deletes the pod of a task, and what it was made of. Does nothing where there is none.
    func delete(id: String, generation: Int) async throws

    /// Deletes what this installation made for other tasks than these.
    func deleteAll(except ids: Set<String>) async throws

    /// Keeps the cluster from ending a pod before its time, until the calling task is cancelled.
    func keepAlive(id: String, generation: Int) async
}

/// The name of a task's pod belongs to one that cannot be used; the next generation has another.
struct PodNameTaken: Error {}

/// Pods that are made by themselves.
struct DirectPods: PodSource {
    let client: KubernetesClient
    let plan: PodPlan

    func make(id: String, generation: Int) async throws -> String {
        let name = plan.name(of: id, generation: generation)
        do {
            let _: Pod = try await client.create(.pods, plan.manifest(id: id, generation: generation))
        } catch let error as KubernetesError where error.reason == "AlreadyExists" {
            try await checkOurs(name)
        }
        return name
    }

    private func checkOurs(_ name: String) async throws {
        let pod: Pod
        do {
            pod = try await client.get(.pods, name)
        } catch let error as KubernetesError where error.isNotFound {
            throw PodNameTaken()
        }
        try plan.checkOwner(of: pod.metadata, "pod")
        guard pod.metadata.deletionTimestamp == nil, pod.ending(of: PodPlan.main) == nil else { throw PodNameTaken() }
    }

    func delete(id: String, generation: Int) async throws {
        try await client.delete(.pods, plan.name(of: id, generation: generation))
    }

    func deleteAll(except ids: Set<String>) async throws {
        try await client.deleteAll(.pods, ownedBy: plan.owner, except: ids)
    }

    /// A pod has a deadline of its own.
    func keepAlive(id: String, generation: Int) async {}
}

extension PodPlan {
    /// - Throws: ``SandboxError`` where an object of this name is somebody else's.
    func checkOwner(of object: ObjectMetadata, _ kind: String) throws {
        guard object.labels?[Self.ownerLabel] == owner else {
            throw SandboxError(.failed, "A \(kind) \(object.name) exists that belongs to someone else.")
        }
    }
}

extension KubernetesClient {
    /// Deletes an installation's objects but those of some tasks.
    func deleteAll(_ resource: KubernetesResource, ownedBy owner: String, except ids: Set<String>) async throws {
        let found: KubernetesList<AnyKubernetesObject> = try await list(
            resource, labels: "\(PodPlan.ownerLabel)=\(owner)")
        for object in found.items where !ids.contains(object.metadata.labels?[PodPlan.taskLabel] ?? "") {
            try await delete(resource, object.metadata.name, uid: object.metadata.uid)
        }
    }
}
