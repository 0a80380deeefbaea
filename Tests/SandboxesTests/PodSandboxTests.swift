import ClusterTestSupport
import Foundation
import KubernetesClient
import Sandboxes
import TestSupport
import Testing

/// Pods of a cluster keep the promises of every sandbox, and leave nothing behind.
@Suite(.enabled(if: TestCluster.isPossible, "bubblewrap, nsenter and openssl are there"))
struct PodSandboxTests {
    private static func use(
        _ settings: PodSandboxSettings = PodSandboxSettings(image: "worker"),
        _ body: @escaping @Sendable (TestCluster, PodSandboxProvider) async throws -> Void
    ) async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                try await body(
                    cluster, PodSandboxProvider(client: client, settings: settings, state: cluster.folder + "/state"))
            }
        }
    }

    @Test(arguments: SandboxConformance.checks)
    func conformance(check: SandboxConformance) async throws {
        try await Self.use { cluster, provider in
            try await check(provider)
            #expect(await cluster.state.podNames == [])
        }
    }

    @Test func anEvictedPodEndsTheTaskWithTheReason() async throws {
        try await Self.use { cluster, provider in
            let error = await #expect(throws: SandboxError.self) {
                try await provider.withSandbox(id: "a") { sandbox in
                    try await sandbox.start()
                    await cluster.state.forgetHistory()
                    await cluster.state.evict("swe-agent-a", reason: "Evicted")
                    _ = try await sandbox.run(SandboxCommand("sleep 600", timeout: .seconds(600)))
                }
            }
            #expect(error?.message.contains("Evicted") == true, "\(error as Any)")
            await #expect(throws: SandboxError.self) {
                try await provider.withSandbox(id: "a") { try await $0.start() }
            }
            try await provider.remove(id: "a")
            #expect(await cluster.state.podNames == [])
        }
    }

    @Test func anImageThatCannotBePulledIsSaidAtOnce() async throws {
        try await Self.use(PodSandboxSettings(image: "no/such")) { cluster, provider in
            await cluster.state.refuse(image: "no/such", reason: "ImagePullBackOff")
            let error = await #expect(throws: SandboxError.self) {
                try await provider.withSandbox(id: "a") { try await $0.start() }
            }
            #expect(error?.message.contains("ImagePullBackOff: no such image") == true)
        }
    }

    @Test func podsOfTasksThatAreOverAreRemovedAndOthersAreLeft() async throws {
        try await Self.use { cluster, provider in
            for id in ["old", "open"] { try await provider.withSandbox(id: id) { try await $0.start() } }
            try await cluster.withClient { client in
                let other = try PodSandboxProvider(
                    client: client, settings: PodSandboxSettings(image: "worker"), state: cluster.folder + "/other")
                try await other.withSandbox(id: "theirs") { try await $0.start() }
            }
            try await provider.removeAll(except: ["open"])
            #expect(await cluster.state.podNames == ["swe-agent-open", "swe-agent-theirs"])
        }
    }
}
