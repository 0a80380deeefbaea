import ClusterTestSupport
import Foundation
import KubernetesClient
import Sandboxes
import Testing

@testable import swe_agent

/// `swe-agent doctor` with `SANDBOX_TYPE=k8s`: the cluster, the rights in it, and the worker image.
@Suite(.enabled(if: TestCluster.isPossible, "bubblewrap, nsenter and openssl are there"))
struct DoctorClusterTests {
    /// What the doctor finds in a cluster.
    private static func findings(
        _ cluster: TestCluster, _ variables: [String: String] = [:]
    ) async throws -> [String: DoctorTests.Found] {
        var all = cluster.environment
        all["MODEL_NAME"] = "replay/\(Project.root.path(percentEncoded: false))/Sources/swe-agent/Demo/trajectory.jsonl"
        all["SANDBOX_TYPE"] = "k8s"
        all["WORKER_IMAGE"] = "worker"
        return try await DoctorTests.findings(all.merging(variables) { $1 }, in: cluster.folder)
    }

    @Test func whereAllIsThereAPodIsStartedLookedAtAndDeleted() async throws {
        try await TestCluster.run { cluster in
            await cluster.state.add(runtimeClass: "gvisor")
            let findings = try await Self.findings(cluster, ["K8S_RUNTIME_CLASS": "gvisor"])
            #expect(findings["cluster"]?.detail == "Kubernetes v1.36.0, context test, namespace tasks")
            #expect(findings["rights"]?.status == "passed")
            #expect(findings["runtime"]?.detail == "gvisor, handler runsc")
            let worker = try #require(findings["worker"])
            #expect(worker.detail.contains(/^worker started in [0-9.]+ s, git version [0-9.]+$/), "\(worker)")
            #expect(await cluster.state.requests.contains("POST pods"))
            #expect(await cluster.state.podNames == [])
        }
    }

    @Test func rightsThatAreMissingAreNamed() async throws {
        try await TestCluster.run { cluster in
            await cluster.state.deny("create pods/exec", "list events")
            let rights = try #require(try await Self.findings(cluster)["rights"])
            #expect(rights.status == "failed")
            #expect(rights.detail == "this account may not create pods/exec, list events")
            #expect(rights.advice?.contains("k8s/rbac.yaml") == true)
        }
    }

    @Test func whatTheClusterSaysOfTheImageIsTold() async throws {
        try await TestCluster.run { cluster in
            await cluster.state.refuse(image: "worker", reason: "ImagePullBackOff")
            let findings = try await Self.findings(cluster, ["K8S_RUNTIME_CLASS": "kata"])
            #expect(findings["worker"]?.detail.contains("ImagePullBackOff: no such image") == true)
            #expect(findings["worker"]?.advice?.hasPrefix("correct WORKER_IMAGE") == true)
            #expect(findings["runtime"]?.detail == "there is no RuntimeClass kata")
            #expect(await cluster.state.podNames == [])
        }
    }

    @Test func aClusterThatIsAwayIsToldAtOnce() async throws {
        try await TestCluster.run { cluster in
            let text = try String(contentsOfFile: cluster.folder + "/kubeconfig", encoding: .utf8)
            let elsewhere = text.replacing("127.0.0.1:\(cluster.port)", with: "127.0.0.1:9")
            try Data(elsewhere.utf8).write(to: URL(filePath: cluster.folder + "/elsewhere"))
            let findings = try await Self.findings(cluster, ["KUBECONFIG": cluster.folder + "/elsewhere"])
            #expect(findings["cluster"]?.status == "failed")
            #expect(findings["cluster"]?.advice != nil)
            #expect(findings["rights"] == nil)
        }
    }

    @Test func theKindsOfAgentSandboxAreLookedForWhereTheyAreNeeded() async throws {
        try await TestCluster.run { cluster in
            let findings = try await Self.findings(cluster, ["SANDBOX_TYPE": "agent-sandbox"])
            #expect(findings["agent-sandbox"]?.detail == "the cluster has no agents.x-k8s.io")
            #expect(findings["agent-sandbox"]?.advice?.hasPrefix("install agent-sandbox") == true)
        }
        try await TestCluster.run(hasAgentSandbox: true) { cluster in
            let findings = try await Self.findings(cluster, ["SANDBOX_TYPE": "agent-sandbox"])
            #expect(findings["agent-sandbox"]?.detail == "agents.x-k8s.io, v1beta1")
            #expect(findings["worker"]?.status == "passed", "\(findings)")
            #expect(await cluster.sandboxes?.sandboxNames == [])
        }
    }

    /// The role of the manifests allows what is asked for, and nothing more.
    @Test func theRoleOfTheManifestsIsWhatIsNeeded() throws {
        let role = try #require(try Manifests.objects(in: "rbac.yaml").first { $0["kind"] == "Role" })
        func words(_ rule: ManifestValue, _ name: String) -> [String] { rule[name]?.list?.compactMap(\.string) ?? [] }
        var allowed: Set<String> = []
        for rule in role["rules"]?.list ?? [] {
            for verb in words(rule, "verbs") {
                for (group, resource) in zip(words(rule, "apiGroups"), words(rule, "resources")) {
                    let parts = resource.split(separator: "/").map(String.init)
                    let name = parts[0] + (group.isEmpty ? "" : ".\(group)")
                    allowed.insert("\(verb) " + ([name] + parts.dropFirst()).joined(separator: "/"))
                }
            }
        }
        let origins: [PodSandboxSettings.Origin] = [.pods, .sandboxes, .warmPool("pool")]
        let needed = Set(origins.flatMap { PodSandboxProvider.permissions(for: $0) }.map(\.description))
        #expect(allowed == needed)
    }
}
