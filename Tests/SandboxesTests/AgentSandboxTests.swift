import ClusterTestSupport
import Foundation
import KubernetesClient
import Logging
import Sandboxes
import TestSupport
import Testing

/// Pods that agent-sandbox makes keep the promises of every sandbox, are leased, and leave nothing behind.
@Suite(.enabled(if: TestCluster.isPossible, "bubblewrap, nsenter and openssl are there"))
struct AgentSandboxTests {
    private static let pool = "swe-agent-worker"

    private static func use(
        _ origin: PodSandboxSettings.Origin, hasAgentSandbox: Bool = true, state: String = "/state",
        _ body: @escaping @Sendable (TestCluster, SandboxController?, PodSandboxProvider) async throws -> Void
    ) async throws {
        try await TestCluster.run(hasAgentSandbox: hasAgentSandbox) { cluster in
            try await cluster.withClient { client in
                try await body(cluster, cluster.sandboxes, Self.provider(client, origin, cluster.folder + state))
            }
        }
    }

    private static func provider(
        _ client: KubernetesClient, _ origin: PodSandboxSettings.Origin, _ state: String
    ) throws -> PodSandboxProvider {
        var settings = PodSandboxSettings(image: "worker")
        settings.origin = origin
        settings.startTimeout = .seconds(60)
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        return try PodSandboxProvider(client: client, settings: settings, state: state, logger: logger)
    }

    /// The pool of the project's manifests.
    private static func addPool(to sandboxes: SandboxController, replicas: Int) async throws {
        let template = try #require(
            try Manifests.objects(in: "warm-pool.yaml").first { $0["kind"] == "SandboxTemplate" }?["spec"])
        await sandboxes.addPool(pool, template: template, replicas: replicas)
    }

    @Test func conformanceOfSandboxes() async throws {
        try await Self.use(.sandboxes) { cluster, sandboxes, provider in
            try await SandboxConformance.checkAll(of: provider)
            #expect(await sandboxes?.sandboxNames == [])
            #expect(await cluster.state.podNames == [])
            #expect(provider.kind == "agent-sandbox")
        }
    }

    @Test func conformanceOfClaims() async throws {
        try await Self.use(.warmPool(Self.pool)) { cluster, sandboxes, provider in
            let sandboxes = try #require(sandboxes)
            try await Self.addPool(to: sandboxes, replicas: 2)
            try await SandboxConformance.checkAll(of: provider)
            #expect(await sandboxes.claimNames == [])
            #expect(await sandboxes.sandboxNames.count == 2)
            #expect(await cluster.state.podNames.count == 2)
        }
    }

    @Test func aClaimGetsAPodThatWaits() async throws {
        try await Self.use(.warmPool(Self.pool)) { cluster, sandboxes, provider in
            let sandboxes = try #require(sandboxes)
            try await Self.addPool(to: sandboxes, replicas: 1)
            while await sandboxes.readySandboxNames.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
            let waiting = try #require(await cluster.state.podNames.first)
            let name = try await provider.withSandbox(id: "a") { sandbox in
                try await sandbox.run(SandboxCommand("echo $SWE_AGENT_POD")).output
            }
            #expect(name == "\(waiting)\n")
            #expect(await sandboxes.claimNames == ["swe-agent-a"])
            #expect(await cluster.state.podNames.count == 2)
            try await provider.remove(id: "a")
            #expect(await sandboxes.claimNames == [])
            #expect(await cluster.state.podNames.contains(waiting) == false)
        }
    }

    @Test(arguments: [PodSandboxSettings.Origin.sandboxes, .warmPool(pool)])
    func theLeaseEndsWhatNoServiceComesBackFor(origin: PodSandboxSettings.Origin) async throws {
        try await Self.use(origin) { cluster, sandboxes, provider in
            let sandboxes = try #require(sandboxes)
            try await Self.addPool(to: sandboxes, replicas: 0)
            try await provider.withSandbox(id: "a") { sandbox in
                try await sandbox.start()
                // Renewed by the service that works, beside what it was made with.
                while await sandboxes.shutdownTimes.count < 2 { try await Task.sleep(for: .milliseconds(5)) }
                await sandboxes.shutDown(before: .now + 800)
                #expect(await cluster.state.podNames.count == 1)
                await sandboxes.shutDown(before: .now + 901)
                #expect(await sandboxes.sandboxNames == [])
                #expect(await cluster.state.podNames == [])
            }
        }
    }

    @Test func aTaskThatWaitsKeepsItsPodForAsLongAsAnyPodLives() async throws {
        try await Self.use(.sandboxes) { _, sandboxes, provider in
            try await provider.withSandbox(id: "a") { try await $0.start() }
            await sandboxes?.shutDown(before: .now + 86_000)
            #expect(await sandboxes?.sandboxNames == ["swe-agent-a"])
        }
    }

    @Test func aPodThatIsDeletedIsReplacedByAnotherSandbox() async throws {
        try await Self.use(.sandboxes) { cluster, sandboxes, provider in
            try await provider.withSandbox(id: "a") { sandbox in
                try await sandbox.start()
                await cluster.state.remove("swe-agent-a")
                #expect(try await sandbox.run(SandboxCommand("echo on")).output == "on\n")
                // The controller would make the pod of the first one again.
                #expect(await sandboxes?.sandboxNames == ["swe-agent-a-2"])
            }
            try await provider.remove(id: "a")
            #expect(await cluster.state.podNames == [])
        }
    }

    @Test(arguments: [PodSandboxSettings.Origin.sandboxes, .warmPool(pool)])
    func whatACrashLeftIsAdoptedOrDeletedAndNeverAnothersOnes(origin: PodSandboxSettings.Origin) async throws {
        try await Self.use(origin) { cluster, sandboxes, provider in
            let sandboxes = try #require(sandboxes)
            try await Self.addPool(to: sandboxes, replicas: 0)
            for id in ["old", "open"] {
                try await provider.withSandbox(id: id) { _ = try await $0.run(SandboxCommand("echo \(id) >file")) }
            }
            try await cluster.withClient { client in
                let other = try Self.provider(client, origin, cluster.folder + "/other")
                try await other.withSandbox(id: "theirs") { try await $0.start() }
                let next = try Self.provider(client, origin, cluster.folder + "/state")
                try await next.removeAll(except: ["open"])
                let file = try await next.withSandbox(id: "open") { try await $0.run(SandboxCommand("cat file")) }
                #expect(file.output == "open\n")
            }
            let names = origin == .sandboxes ? await sandboxes.sandboxNames : await sandboxes.claimNames
            #expect(names == ["swe-agent-open", "swe-agent-theirs"])
            #expect(await cluster.state.podNames.count == 2)
        }
    }

    /// What has expired is listed anew; where a bookmark told how far it is, it has not.
    @Test(.timeLimit(.minutes(4)), arguments: [PodSandboxSettings.Origin.sandboxes, .warmPool(pool)], [false, true])
    func aWatchThatEndsBeforeTheSandboxIsReadyGoesOn(origin: PodSandboxSettings.Origin, hasBookmark: Bool) async throws
    {
        try await Self.use(origin) { cluster, sandboxes, provider in
            let sandboxes = try #require(sandboxes)
            try await Self.addPool(to: sandboxes, replicas: 0)
            let image = origin == .sandboxes ? "worker" : "your-registry/swe-agent-worker:latest"
            await cluster.state.refuse(image: image, reason: "ContainerCreating")
            let resource = origin == .sandboxes ? "sandboxes" : "sandboxclaims"
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await provider.withSandbox(id: "a") { try await $0.start() } }
                // The pod is watched as soon as its name is known; then one watch of the object is left.
                while await cluster.state.watchesBegun < 2 { try await Task.sleep(for: .milliseconds(2)) }
                while await sandboxes.watchesBegun == 0 { try await Task.sleep(for: .milliseconds(2)) }
                let lists = await cluster.state.requestCounts["GET \(resource)"] ?? 0
                // Of this the watch sees nothing.
                await sandboxes.addPool("another", template: [:], replicas: 0)
                if hasBookmark { await sandboxes.sendBookmarks() }
                let begun = await sandboxes.watchesBegun
                await sandboxes.forgetHistory()
                while await sandboxes.watchesBegun == begun { try await Task.sleep(for: .milliseconds(2)) }
                let more = await (cluster.state.requestCounts["GET \(resource)"] ?? 0) - lists
                #expect(more == (hasBookmark ? 0 : 1))
                await cluster.state.allow(image: image)
                try await group.waitForAll()
            }
        }
    }

    @Test func aPoolThatIsMissingIsSaid() async throws {
        try await Self.use(.warmPool("none")) { cluster, sandboxes, _ in
            try await cluster.withClient { client in
                var settings = PodSandboxSettings(image: "")
                settings.origin = .warmPool("none")
                settings.startTimeout = .seconds(1)
                let provider = try PodSandboxProvider(
                    client: client, settings: settings, state: cluster.folder + "/state",
                    logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
                let error = await #expect(throws: SandboxError.self) {
                    try await provider.withSandbox(id: "a") { try await $0.start() }
                }
                #expect(error?.message.contains("WarmPoolNotFound: there is no SandboxWarmPool none") == true)
                #expect(await sandboxes?.claimNames == [])
            }
        }
    }

    @Test func anImageThatCannotBePulledIsSaidAtOnce() async throws {
        try await Self.use(.sandboxes) { cluster, sandboxes, provider in
            await cluster.state.refuse(image: "worker", reason: "ImagePullBackOff")
            let error = await #expect(throws: SandboxError.self) {
                try await provider.withSandbox(id: "a") { try await $0.start() }
            }
            #expect(error?.message.contains("ImagePullBackOff: no such image") == true, "\(error as Any)")
            #expect(await sandboxes?.sandboxNames == [])
        }
    }

    @Test func aClusterWithoutAgentSandboxIsSaid() async throws {
        try await Self.use(.sandboxes, hasAgentSandbox: false) { _, _, provider in
            let error = await #expect(throws: SandboxError.self) {
                try await provider.withSandbox(id: "a") { try await $0.start() }
            }
            #expect(error?.message.contains("install") == true, "\(error as Any)")
        }
    }
}
