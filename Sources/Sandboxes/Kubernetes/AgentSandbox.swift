internal import KubernetesClient

/// An object of agent-sandbox (v1beta1) that has a pod made: a `Sandbox`, or a `SandboxClaim` on one that waits in a pool.
struct AgentSandbox: KubernetesObject {
    var metadata: ObjectMetadata
    var status: Status?

    struct Status: Sendable, Decodable {
        var conditions: [Pod.Condition]?
        /// Of a claim: the sandbox that it got.
        var sandbox: Reference?
    }

    struct Reference: Sendable, Decodable { var name: String? }

    static let readyCondition = "Ready"
    /// Names the pod of a sandbox where it is not called as the sandbox is.
    static let podNameAnnotation = "agents.x-k8s.io/pod-name"

    var ready: Pod.Condition? { status?.conditions?.first { $0.type == Self.readyCondition } }
    var isReady: Bool { metadata.deletionTimestamp == nil && ready?.status == "True" }
    /// The name of a sandbox's pod.
    var podName: String { metadata.annotations?[Self.podNameAnnotation] ?? metadata.name }
}

extension KubernetesResource {
    static let sandboxes = KubernetesResource(group: "agents.x-k8s.io", version: "v1beta1", plural: "sandboxes")
    static let sandboxClaims = KubernetesResource(
        group: "extensions.agents.x-k8s.io", version: "v1beta1", plural: "sandboxclaims")
}
