import Foundation
import KubernetesClient
import Logging
import Sandboxes
import TestSupport
import Testing

/// The cluster that `make test-cluster` names.
private struct NamedCluster {
    var environment: [String: String]
    var namespace: String
    var image: String

    static let current: NamedCluster? = {
        let environment = ProcessInfo.processInfo.environment
        guard let namespace = environment["TEST_CLUSTER_NAMESPACE"], let image = environment["TEST_CLUSTER_IMAGE"]
        else { return nil }
        return NamedCluster(environment: environment, namespace: namespace, image: image)
    }()
}

/// Any cluster keeps the promises of sandboxes, and a whole task is done in it: what `make test-cluster` names.
///
/// Whatever it makes there bears the label of an owner of its own, by which it is deleted.
@Suite(.enabled(if: NamedCluster.current != nil, "make test-cluster names a cluster"))
struct NamedClusterTests {
    /// Makes a provider for as long as `body` runs, and deletes what is left of it, and of its owner, then.
    private static func withProvider(
        of cluster: NamedCluster, state: String, _ body: @Sendable (PodSandboxProvider) async throws -> Void
    ) async throws {
        let access = try ClusterAccess.find(environment: cluster.environment)
        try await KubernetesClient.withClient(access, namespace: cluster.namespace) { client in
            let provider = try PodSandboxProvider(
                client: client, settings: PodSandboxSettings(image: cluster.image), state: state,
                logger: Logger(label: "test"))
            var failure: (any Error)?
            do { try await body(provider) } catch { failure = error }
            let left = try await client.list(.pods, labels: ownerSelector(state), as: Pod.self).items
                .filter { $0.metadata.deletionTimestamp == nil }.map(\.metadata.name)
            try await provider.removeAll(except: [])
            if let failure { throw failure }
            #expect(left == [])
        }
    }

    private static func ownerSelector(_ state: String) throws -> String {
        "swe-agent/owner=" + (try String(contentsOfFile: state + "/.owner", encoding: .utf8))
    }

    @Test func podsKeepThePromisesOfEverySandbox() async throws {
        let cluster = try #require(NamedCluster.current)
        try await withFolder { folder in
            try await Self.withProvider(of: cluster, state: folder + "/pods") {
                try await SandboxConformance.checkAll(of: $0, atOnce: 4)
            }
        }
    }

    @Test func aTaskGoesOnInItsPodAfterTheServiceWasKilled() async throws {
        let cluster = try #require(NamedCluster.current)
        var variables = [
            "SANDBOX_TYPE": "k8s", "K8S_NAMESPACE": cluster.namespace, "WORKER_IMAGE": cluster.image,
        ]
        for name in ["KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"] {
            variables[name] = cluster.environment[name]
        }
        try await withFolder { [variables] folder in
            // It has the same owner as the service, which keeps its pods' records there.
            try await Self.withProvider(of: cluster, state: folder + "/data/pods") { _ in
                try await WholeClusterTask(variables: variables, folder: folder).check()
            }
        }
    }
}
