import ClusterTestSupport
import Foundation
import KubernetesClient
import Testing

/// Requests and watches on days when the server is busy, forgets, breaks off, or refuses.
@Suite(.enabled(if: TestCluster.isPossible, "bubblewrap, nsenter and openssl are there"), .timeLimit(.minutes(4)))
struct ClusterRequestTests {
    /// A pod that does nothing and may be made.
    static func pod(_ name: String, command: [String] = ["sleep", "1000000"]) -> ManifestValue {
        [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": ["name": .string(name), "labels": ["app": "test"]],
            "spec": [
                "securityContext": ["runAsNonRoot": true, "seccompProfile": ["type": "RuntimeDefault"]],
                "containers": [
                    [
                        "name": "main", "image": "worker", "command": .list(command.map { .string($0) }),
                        "securityContext": ["allowPrivilegeEscalation": false, "capabilities": ["drop": ["ALL"]]],
                    ]
                ],
            ],
        ]
    }

    private static func use(
        _ body: @escaping @Sendable (TestCluster, KubernetesClient) async throws -> Void
    ) async throws {
        try await TestCluster.run { cluster in try await cluster.withClient { try await body(cluster, $0) } }
    }

    @discardableResult
    static func makeReadyPod(_ name: String, _ client: KubernetesClient) async throws -> Pod {
        let _: Pod = try await client.create(.pods, pod(name))
        return try await client.follow(.pods, name, as: Pod.self) { $0?.isReady == true ? $0 : nil }
    }

    @Test func whoIsAskedToComeLaterDoes() async throws {
        try await Self.use { cluster, client in
            let start = ContinuousClock.now
            await cluster.faults.throttle(2, retryAfter: 1)
            try await Self.makeReadyPod("a", client)
            // The server asked twice for a second.
            #expect(ContinuousClock.now - start >= .seconds(2))
            #expect(await cluster.state.requestCounts["POST pods"] == 1)
            await cluster.faults.throttle(1, retryAfter: 1)
            let outcome = try await client.exec("a", container: "main", ["true"]) { try await $0.receive { _ in } }
            #expect(outcome == .exited(0))
            await cluster.faults.throttle(1, retryAfter: 0)
            #expect(try await client.serverVersion() == "v1.36.0")
        }
    }

    @Test func aRightThatIsMissingIsSaidAtOnce() async throws {
        try await Self.use { cluster, client in
            try await Self.makeReadyPod("a", client)
            await cluster.state.deny("list pods", "create pods/exec", "delete pods")
            for attempt in [
                { _ = try await client.list(.pods, as: Pod.self) },
                { try await client.exec("a", container: "main", ["true"]) { _ in } },
                { try await client.delete(.pods, "a") },
            ] as [@Sendable () async throws -> Void] {
                let error = await #expect(throws: KubernetesError.self) { try await attempt() }
                #expect(error?.kind == .status(403))
                #expect(error?.message.contains("cannot") == true, "\(error as Any)")
            }
            #expect(await cluster.state.podNames == ["a"])
        }
    }

    @Test func anObjectThatTookANameSinceIsLeftAlone() async throws {
        try await Self.use { cluster, client in
            let first = try await Self.makeReadyPod("a", client)
            let again = await #expect(throws: KubernetesError.self) {
                let _: Pod = try await client.create(.pods, Self.pod("a"))
            }
            #expect(again?.reason == "AlreadyExists")
            try await client.delete(.pods, "a", uid: first.metadata.uid)
            let second = try await Self.makeReadyPod("a", client)
            try await client.delete(.pods, "a", uid: first.metadata.uid)
            #expect(try await client.get(.pods, "a", as: Pod.self).metadata.uid == second.metadata.uid)
            let stale = await #expect(throws: KubernetesError.self) {
                let change: ManifestValue = ["metadata": ["resourceVersion": "1", "labels": ["x": "y"]]]
                let _: Pod = try await client.patch(.pods, "a", change)
            }
            #expect(stale?.isConflict == true)
        }
    }

    /// Follows the pod `a` beside `body`, until it is gone.
    private static func following(
        _ client: KubernetesClient, _ cluster: TestCluster, _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await makeReadyPod("a", client)
        let begun = await cluster.state.watchesBegun
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await client.follow(.pods, "a", as: Pod.self) { $0 == nil ? () : nil } }
            try await waitForWatch(cluster, after: begun)
            try await body()
            try await client.delete(.pods, "a")
            try await group.waitForAll()
        }
    }

    private static func waitForWatch(_ cluster: TestCluster, after begun: Int) async throws {
        while await cluster.state.watchesBegun <= begun { try await Task.sleep(for: .milliseconds(2)) }
    }

    @Test func aWatchThatHasExpiredBeginsAnew() async throws {
        try await Self.use { cluster, client in
            try await Self.following(client, cluster) {
                let lists = await cluster.state.requestCounts["GET pods"] ?? 0
                try await Self.makeReadyPod("b", client)
                let begun = await cluster.state.watchesBegun
                await cluster.state.forgetHistory()
                // The version that it has is forgotten, so it has to list.
                while await cluster.state.requestCounts["GET pods"] ?? 0 < lists + 2 {
                    try await Task.sleep(for: .milliseconds(2))
                }
                try await Self.waitForWatch(cluster, after: begun)
            }
        }
    }

    @Test func afterABookmarkAWatchGoesOnFromThere() async throws {
        try await Self.use { cluster, client in
            try await Self.makeReadyPod("b", client)
            try await Self.following(client, cluster) {
                let counts = await cluster.state.requestCounts
                // Of this the watch sees nothing but the bookmark, which comes before its end.
                let _: Pod = try await client.patch(.pods, "b", ["metadata": ["labels": ["x": "y"]]])
                await cluster.state.sendBookmarks()
                let begun = await cluster.state.watchesBegun
                await cluster.state.forgetHistory()
                try await Self.waitForWatch(cluster, after: begun)
                #expect(await cluster.state.requestCounts["GET pods"] == counts["GET pods"])
            }
        }
    }

    @Test func aWatchGoesOnAfterEveryBreak() async throws {
        try await Self.use { cluster, client in
            try await Self.following(client, cluster) {
                for _ in 1...3 {
                    let begun = await cluster.state.watchesBegun
                    cluster.cutConnections()
                    try await Self.waitForWatch(cluster, after: begun)
                }
                await cluster.goAway()
                try await Task.sleep(for: .milliseconds(300))
                try await cluster.comeBack()
            }
        }
    }

    /// A server that ends each watch at once is not asked more often than is good for it.
    @Test func aWatchThatEndsAtOnceIsNotBegunAgainWithoutEnd() async throws {
        try await Self.use { cluster, client in
            try await Self.following(client, cluster) {
                let watches = await cluster.state.requestCounts["WATCH pods"] ?? 0
                let end = ContinuousClock.now + .seconds(2)
                while ContinuousClock.now < end {
                    await cluster.state.endAllWatches()
                    try await Task.sleep(for: .milliseconds(5))
                }
                // At most one each quarter of a second.
                #expect(await cluster.state.requestCounts["WATCH pods"] ?? 0 <= watches + 9)
            }
        }
    }
}
