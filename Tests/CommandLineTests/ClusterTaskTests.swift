import ClusterTestSupport
import Foundation
import KubernetesClient
import LanguageModels
import Testing

@testable import swe_agent

/// A whole task whose commands run in a pod that agent-sandbox made.
@Suite(.enabled(if: TestCluster.isPossible, "bubblewrap, nsenter and openssl are there"))
struct ClusterTaskTests {
    @Test func aTaskIsDoneInAClaimedPodWhichIsDeletedThen() async throws {
        try await TestCluster.run(hasAgentSandbox: true) { cluster in
            let sandboxes = try #require(cluster.sandboxes)
            let template = try #require(
                try Manifests.objects(in: "warm-pool.yaml").first { $0["kind"] == "SandboxTemplate" }?["spec"])
            await sandboxes.addPool("workers", template: template, replicas: 1)
            let folder = cluster.folder
            try await ExampleRepository.make(at: folder + "/calculator")
            try ExampleRepository.trajectory.write(to: URL(filePath: folder + "/recording.jsonl"))
            let variables = cluster.environment.merging(
                ["SANDBOX_TYPE": "agent-sandbox", "K8S_WARM_POOL": "workers"]) { $1 }
            let outcome = try await Program.run(
                [
                    "run", "--repo", "calculator", "--goal", "Make the tests pass again", "--model",
                    "replay/recording.jsonl", "--output", folder + "/out", "--json",
                ], environment: variables, in: folder)
            #expect(outcome.exitCode == 0, "\(outcome)")
            let task = try JSONDecoder().decode(JSONValue.self, from: Data(outcome.output.utf8))
            #expect(task["status"]?.string == "COMPLETED")
            #expect(task["result"]?["tests"]?["after"]?["exit_code"]?.integer == 0)
            #expect(await cluster.state.requests.contains("POST sandboxclaims"))
            #expect(await cluster.state.requests.contains("EXEC"))
            #expect(await sandboxes.claimNames == [])
            #expect(await cluster.state.podNames.count == 1)
        }
    }
}
