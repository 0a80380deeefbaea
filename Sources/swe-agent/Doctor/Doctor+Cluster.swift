import Foundation
import KubernetesClient
import Logging
import Sandboxes

extension Doctor {
    /// Whether the cluster can be reached, and lets the service do what tasks need there.
    func examine(_ cluster: Settings.Cluster) async throws {
        let access: ClusterAccess
        do {
            access = try ClusterAccess.find(environment: environment, context: cluster.context)
        } catch {
            try await check("cluster") { throw error }
            return
        }
        try await KubernetesClient.withClient(access, namespace: cluster.namespace) { client in
            try await self.examine(cluster, access, client)
        }
    }

    private func examine(
        _ cluster: Settings.Cluster, _ access: ClusterAccess, _ client: KubernetesClient
    ) async throws {
        let isReachable = try await check(
            "cluster", orElse: "see that the API server runs and is reached from here: kubectl version asks the same"
        ) {
            let version = try await client.serverVersion()
            return .passed("Kubernetes \(version), \(access.origin), namespace \(client.namespace)")
        }
        guard isReachable else { return }
        try await check("rights", orElse: "have kubectl apply -f k8s/rbac.yaml run for this account") {
            let permissions = PodSandboxProvider.permissions(for: cluster.pods.origin)
            let missing = try await client.missing(permissions)
            guard !missing.isEmpty else {
                return .passed("all \(permissions.count) that tasks need")
            }
            let names = missing.map(\.description).joined(separator: ", ")
            return .failed(
                "this account may not \(names)", advice: "have kubectl apply -f k8s/rbac.yaml run for this account")
        }
        if cluster.pods.origin != .pods {
            try await check("agent-sandbox") { try await agentSandboxVerdict(cluster.pods.origin, client) }
        }
        if let name = cluster.pods.runtimeClass {
            try await check("runtime", orElse: "correct K8S_RUNTIME_CLASS: kubectl get runtimeclasses lists them") {
                try await verdict(onRuntimeClass: name, client)
            }
        }
        let image = cluster.pods.image.isEmpty ? "the template of the pool" : "WORKER_IMAGE"
        try await check("worker", orElse: "correct \(image), or what the cluster says of the pod") {
            try await workerVerdict(cluster, client)
        }
    }

    private func verdict(onRuntimeClass name: String, _ client: KubernetesClient) async throws -> Finding.Verdict {
        do {
            let found: AnyKubernetesObject = try await client.get(.runtimeClasses, name)
            return .passed("\(name), handler \(found.value["handler"]?.string?.printable() ?? "unknown")")
        } catch let error as KubernetesError where error.isNotFound {
            return .failed(
                "there is no RuntimeClass \(name)",
                advice: "correct K8S_RUNTIME_CLASS: kubectl get runtimeclasses lists them")
        } catch let error as KubernetesError where error.kind == .status(403) {
            return .warned(
                "this account may not look whether there is a RuntimeClass \(name)",
                advice: "the worker check tells by starting a pod with it")
        }
    }

    /// Whether the cluster has the kinds of agent-sandbox, in the version that is spoken here.
    private func agentSandboxVerdict(
        _ origin: PodSandboxSettings.Origin, _ client: KubernetesClient
    ) async throws -> Finding.Verdict {
        var groups = ["agents.x-k8s.io"]
        if case .warmPool = origin { groups.append("extensions.agents.x-k8s.io") }
        for group in groups {
            let versions = try await client.versions(ofGroup: group)
            if versions.contains("v1beta1") { continue }
            let detail = versions.isEmpty ? "the cluster has no \(group)" : "\(group) has no v1beta1 here"
            return .failed(
                detail, advice: "install agent-sandbox v1.0 or later with its extensions, or set SANDBOX_TYPE=k8s")
        }
        return .passed("\(groups.joined(separator: " and ")), v1beta1")
    }

    /// Starts a pod as tasks get it, looks at it from inside, and deletes it.
    private func workerVerdict(_ cluster: Settings.Cluster, _ client: KubernetesClient) async throws -> Finding.Verdict
    {
        let folder = FileManager.default.temporaryDirectory.appending(path: "swe-agent-doctor-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        var pods = cluster.pods
        // Where this process is killed, the cluster deletes what is left.
        pods.lifetimeSeconds = 600
        let provider = try PodSandboxProvider(
            client: client, settings: pods, state: folder.path(percentEncoded: false),
            logger: Logger(label: "doctor") { _ in SwiftLogNoOpLogHandler() })
        let id = "doctor-\(UUID().uuidString.prefix(8).lowercased())"
        let start = ContinuousClock.now
        let result: Result<(Duration, CommandOutcome), any Error>
        do {
            result = .success(
                try await provider.withSandbox(id: id) { sandbox in
                    try await sandbox.start()
                    let started = start.duration(to: .now)
                    return (started, try await sandbox.run(SandboxCommand("git --version")))
                })
        } catch {
            result = .failure(error)
        }
        // A task of its own that is waited for: in a cancelled one no request would be made.
        try await Task { try await provider.remove(id: id) }.value
        let (started, outcome) = try result.get()
        let seconds = String(format: "%.1f", started.inSeconds)
        let git = outcome.output.split(separator: "\n").first.map { String($0).printable(limit: 80) } ?? ""
        let image = pods.image.isEmpty ? "a pod of the pool" : pods.image
        return .passed("\(image) started in \(seconds) s, \(git)")
    }
}
