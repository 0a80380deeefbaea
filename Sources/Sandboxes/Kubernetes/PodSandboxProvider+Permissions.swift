public import KubernetesClient

extension PodSandboxProvider {
    /// What the service has to be allowed to do in the namespace of the pods; `k8s/rbac.yaml` allows just this.
    public static let permissions: [ClusterPermission] =
        .verbs(["create", "get", "list", "watch", "delete"], .pods) + running

    /// For commands in pods, whoever makes them. Over WebSockets the request is a GET; from Kubernetes 1.35 on the server
    /// asks for `create` as well.
    static let running: [ClusterPermission] =
        .verbs(["get", "create"], .pods, subresource: "exec") + .verbs(["list"], .events)
}
