public import KubernetesClient

extension PodSandboxProvider {
    /// What the service has to be allowed to do in the namespace of the pods; `k8s/rbac.yaml` allows just this.
    public static func permissions(for origin: PodSandboxSettings.Origin) -> [ClusterPermission] {
        let made = ["create", "get", "list", "watch", "delete"]
        let seen = ["get", "list", "watch"]
        return switch origin {
        case .pods: .verbs(made, .pods) + commands
        case .sandboxes: .verbs(made + ["patch"], .sandboxes) + .verbs(seen, .pods) + commands
        case .warmPool:
            .verbs(made + ["patch"], .sandboxClaims) + .verbs(["get"], .sandboxes) + .verbs(seen, .pods) + commands
        }
    }

    /// For commands in pods, whoever makes them. Over WebSockets the request is a GET; from Kubernetes 1.35 on the server
    /// asks for `create` as well.
    private static let commands: [ClusterPermission] =
        .verbs(["get", "create"], .pods, subresource: "exec") + .verbs(["list"], .events)
}
