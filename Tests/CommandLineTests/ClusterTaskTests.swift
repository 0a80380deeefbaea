import ClusterTestSupport
import Foundation
import KubernetesClient
import LanguageModels
import Testing

@testable import swe_agent

/// Whole tasks whose commands run in pods of the test cluster.
@Suite(.enabled(if: TestCluster.isPossible, "bubblewrap, nsenter and openssl are there"))
struct ClusterTaskTests {
    /// Has `swe-agent run` do the example.
    private static func run(_ cluster: TestCluster, _ variables: [String: String]) async throws {
        let folder = cluster.folder
        try await ExampleRepository.make(at: folder + "/calculator")
        try ExampleRepository.trajectory.write(to: URL(filePath: folder + "/recording.jsonl"))
        let outcome = try await Program.run(
            [
                "run", "--repo", "calculator", "--goal", "Make the tests pass again", "--model",
                "replay/recording.jsonl", "--output", folder + "/out", "--json",
            ], environment: cluster.environment.merging(variables) { $1 }, in: folder)
        #expect(outcome.exitCode == 0, "\(outcome)")
        let task = try JSONDecoder().decode(JSONValue.self, from: Data(outcome.output.utf8))
        #expect(task["status"]?.string == "COMPLETED")
        #expect(task["result"]?["tests"]?["after"]?["exit_code"]?.integer == 0)
        #expect(await cluster.state.requests.contains("EXEC"))
    }

    @Test func aTaskIsDoneInAClaimedPodWhichIsDeletedThen() async throws {
        try await TestCluster.run(hasAgentSandbox: true) { cluster in
            let sandboxes = try #require(cluster.sandboxes)
            let template = try #require(
                try Manifests.objects(in: "warm-pool.yaml").first { $0["kind"] == "SandboxTemplate" }?["spec"])
            await sandboxes.addPool("workers", template: template, replicas: 1)
            try await Self.run(cluster, ["SANDBOX_TYPE": "agent-sandbox", "K8S_WARM_POOL": "workers"])
            #expect(await cluster.state.requests.contains("POST sandboxclaims"))
            #expect(await sandboxes.claimNames == [])
            #expect(await cluster.state.podNames.count == 1)
        }
    }

    @Test func aTaskIsDoneInAPodOfItsOwnWhichIsDeletedThen() async throws {
        try await TestCluster.run { cluster in
            try await Self.run(cluster, ["SANDBOX_TYPE": "k8s", "WORKER_IMAGE": "worker"])
            #expect(await cluster.state.requests.contains("POST pods"))
            #expect(await cluster.state.podNames == [])
        }
    }

    @Test func aTaskGoesOnInItsPodAfterTheServiceWasKilled() async throws {
        try await TestCluster.run { cluster in
            let variables = cluster.environment.merging(["SANDBOX_TYPE": "k8s", "WORKER_IMAGE": "worker"]) { $1 }
            try await WholeClusterTask(variables: variables, folder: cluster.folder).check()
            // One for the task, and a fresh one for each run of the tests.
            #expect(await cluster.state.podNames == [])
        }
    }
}
