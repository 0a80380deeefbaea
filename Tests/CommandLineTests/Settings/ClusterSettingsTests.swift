import Sandboxes
import Testing

@testable import swe_agent

/// The settings of tasks in a cluster.
struct ClusterSettingsTests {
    private static func settings(_ variables: [String: String]) throws -> Settings {
        try Settings(SettingsReader(flags: [:], environment: variables, file: [:]))
    }

    @Test func podsAreMadeAsTheVariablesSay() throws {
        let settings = try Self.settings([
            "SANDBOX_TYPE": "k8s", "WORKER_IMAGE": "registry.example.com/worker:1", "K8S_NAMESPACE": "agents",
            "K8S_CONTEXT": "kind", "K8S_RUNTIME_CLASS": "gvisor", "K8S_CPU": "500m/4", "K8S_MEMORY": "1Gi",
            "K8S_EPHEMERAL_STORAGE": "2Gi/3Gi", "K8S_SERVICE_ACCOUNT": "worker", "K8S_START_TIMEOUT_SECONDS": "7",
            // It belongs to agent-sandbox.
            "K8S_WARM_POOL": "pool",
        ])
        let cluster = try #require(settings.cluster)
        #expect(cluster.namespace == "agents")
        #expect(cluster.context == "kind")
        #expect(cluster.pods.image == "registry.example.com/worker:1")
        #expect(cluster.pods.runtimeClass == "gvisor")
        #expect(cluster.pods.cpu == .init(request: "500m", limit: "4"))
        #expect(cluster.pods.memory == .init(request: "1Gi", limit: "1Gi"))
        #expect(cluster.pods.ephemeralStorage == .init(request: "2Gi", limit: "3Gi"))
        #expect(cluster.pods.serviceAccount == "worker")
        #expect(cluster.pods.startTimeout == .seconds(7))
        #expect(cluster.pods.origin == .pods)
    }

    @Test func agentSandboxTakesAPoolOrAnImage() throws {
        let pool = try Self.settings(["SANDBOX_TYPE": "agent-sandbox", "K8S_WARM_POOL": "workers"])
        #expect(pool.cluster?.pods.origin == .warmPool("workers"))
        let image = try Self.settings(["SANDBOX_TYPE": "agent-sandbox", "WORKER_IMAGE": "worker"])
        #expect(image.cluster?.pods.origin == .sandboxes)
        let error = try #require(throws: SettingsError.self) { try Self.settings(["SANDBOX_TYPE": "agent-sandbox"]) }
        #expect(error.description.contains("K8S_WARM_POOL"))
    }

    @Test(arguments: [
        ("WORKER_IMAGE", "no image"), ("WORKER_IMAGE", "-x"), ("K8S_NAMESPACE", "Agents"), ("K8S_WARM_POOL", "a b"),
        ("K8S_RUNTIME_CLASS", "../kata"), ("K8S_CPU", "1/2/3"), ("K8S_MEMORY", "much"),
        ("K8S_POD_TEMPLATE", "/no/such"),
        ("K8S_START_TIMEOUT_SECONDS", "0"),
    ])
    func aValueThatCannotBeIsRefusedWithItsName(name: String, value: String) throws {
        let variables = ["SANDBOX_TYPE": "agent-sandbox", "WORKER_IMAGE": "worker"].merging([name: value]) { $1 }
        let error = try #require(throws: SettingsError.self) { try Self.settings(variables) }
        #expect(error.description.contains(name))
        #expect(error.description.split(whereSeparator: \.isNewline).count == 1)
    }
}
