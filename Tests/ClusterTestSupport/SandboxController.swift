public import Foundation
public import KubernetesClient

/// The objects of agent-sandbox (v1beta1) and its controller, as far as a client sees them.
///
/// A sandbox has a pod, which is made again where it goes; it is ready when its pod is. A claim gets a sandbox that waits in
/// a pool, or a new one of the pool's template. Whatever is deleted takes with it what was made for it.
public actor SandboxController: WatchedObjects {
    enum Kind: String, CaseIterable {
        case sandboxes, sandboxclaims, sandboxtemplates, sandboxwarmpools

        /// The kind that a path names: `apis/GROUP/v1beta1/namespaces/NAMESPACE/PLURAL`.
        init?(path: [String]) {
            guard path.count >= 6, path[0] == "apis", path[2] == "v1beta1", let kind = Kind(rawValue: path[5]),
                path[1] == kind.group
            else { return nil }
            self = kind
        }

        var group: String { self == .sandboxes ? "agents.x-k8s.io" : "extensions.agents.x-k8s.io" }
        var objectKind: String {
            switch self {
            case .sandboxes: "Sandbox"
            case .sandboxclaims: "SandboxClaim"
            case .sandboxtemplates: "SandboxTemplate"
            case .sandboxwarmpools: "SandboxWarmPool"
            }
        }
    }

    private static let poolLabel = "agents.x-k8s.io/pool"

    private let cluster: ClusterState
    private let violation: @Sendable (ManifestValue) -> String?
    private var objects: [Kind: [String: ManifestValue]] = [:]
    private var log = WatchLog()
    private var count = 0
    /// The claims that are being given a sandbox.
    private var binding: Set<String> = []
    /// The sandbox of a pod.
    private var owners: [String: String] = [:]
    /// The shutdown times that were set, in their order: what a lease was renewed to.
    public private(set) var shutdownTimes: [String] = []

    /// - Parameter violation: What the cluster has against a pod.
    init(cluster: ClusterState, violation: @escaping @Sendable (ManifestValue) -> String?) {
        self.cluster = cluster
        self.violation = violation
    }

    public var sandboxNames: [String] { objects[.sandboxes, default: [:]].keys.sorted() }
    /// Those whose pod takes commands.
    public var readySandboxNames: [String] {
        objects[.sandboxes, default: [:]].filter { Self.isReady($0.value) }.keys.sorted()
    }
    /// How many watches there have been.
    public var watchesBegun: Int { log.watchesBegun }
    public var claimNames: [String] { objects[.sandboxclaims, default: [:]].keys.sorted() }

    /// Makes a template and a pool with pods of it that wait.
    public func addPool(_ name: String, template: ManifestValue, replicas: Int) async {
        let metadata: ManifestValue = ["name": .string(name)]
        _ = await create(.sandboxtemplates, ["metadata": metadata, "spec": template], name)
        _ = await create(
            .sandboxwarmpools,
            [
                "metadata": metadata,
                "spec": ["replicas": .integer(Int64(replicas)), "sandboxTemplateRef": ["name": .string(name)]],
            ], name)
    }

    /// Deletes what has a shutdown time of this date or an earlier one, as the controller does when it comes.
    public func shutDown(before date: Date) async {
        for kind in [Kind.sandboxclaims, .sandboxes] {
            for (name, object) in objects[kind, default: [:]] {
                let lifecycle = kind == .sandboxes ? object["spec"] : object["spec"]?["lifecycle"]
                guard let text = lifecycle?["shutdownTime"]?.string, lifecycle?["shutdownPolicy"] == "Delete",
                    let time = try? Date(text, strategy: .iso8601), time <= date
                else { continue }
                _ = await delete(kind, name)
            }
        }
    }

    /// Forgets what has happened and ends all watches, as a server does whose storage is compacted.
    public func forgetHistory() { log.forget() }

    /// Tells all who watch, and want to know, how far they have seen.
    public func sendBookmarks() { log.sendBookmarks() }

    // MARK: - Objects

    func get(_ kind: Kind, _ name: String) -> ManifestValue? { objects[kind]?[name] }

    func list(_ kind: Kind, _ selector: (ManifestValue) -> Bool) -> (items: [ManifestValue], version: Int) {
        (objects[kind, default: [:]].values.filter(selector), log.version)
    }

    /// `nil` where the name is taken.
    func create(_ kind: Kind, _ object: ManifestValue, _ name: String) async -> ManifestValue? {
        guard objects[kind]?[name] == nil else { return nil }
        var object = object
        object["metadata"]?["uid"] = .string(UUID().uuidString)
        objects[kind, default: [:]][name] = object
        change(kind, name, "ADDED") { _ in }
        noteShutdownTime(kind, object)
        switch kind {
        case .sandboxes: await makePod(of: name)
        case .sandboxclaims: await bind(name)
        case .sandboxwarmpools: await fill(name)
        case .sandboxtemplates: break
        }
        return objects[kind]?[name]
    }

    func patch(_ kind: Kind, _ name: String, _ change: ManifestValue) -> ManifestValue? {
        self.change(kind, name) { $0 = $0.merged(with: change) }
        noteShutdownTime(kind, change)
        return objects[kind]?[name]
    }

    func delete(_ kind: Kind, _ name: String) async -> ManifestValue? {
        guard let object = objects[kind]?[name] else { return nil }
        change(kind, name, "DELETED") { _ in }
        objects[kind]?[name] = nil
        switch kind {
        case .sandboxes:
            let pod = podName(of: object)
            owners[pod] = nil
            await cluster.remove(pod)
        case .sandboxclaims:
            if let sandbox = object["status"]?["sandbox"]?["name"]?.string { _ = await delete(.sandboxes, sandbox) }
        case .sandboxtemplates, .sandboxwarmpools: break
        }
        return object
    }

    private func noteShutdownTime(_ kind: Kind, _ object: ManifestValue) {
        let lifecycle = kind == .sandboxes ? object["spec"] : object["spec"]?["lifecycle"]
        if let time = lifecycle?["shutdownTime"]?.string { shutdownTimes.append(time) }
    }

    private func change(
        _ kind: Kind, _ name: String, _ type: String = "MODIFIED", _ body: (inout ManifestValue) -> Void
    ) {
        guard var object = objects[kind]?[name] else { return }
        body(&object)
        log.note(type, kind.rawValue, &object)
        objects[kind]?[name] = object
    }

    func watch(after: Int?) -> (number: Int, events: AsyncStream<WatchLog.Event>)? {
        log.watch(after: after) { number in Task { await self.endWatch(number) } }
    }

    func endWatch(_ number: Int) { log.end(number) }

    // MARK: - The controller

    /// Follows the cluster's pods until the calling task is cancelled.
    func run() async {
        guard let events = await cluster.watch(after: nil)?.events else { return }
        for await event in events {
            guard let pod = event.object["metadata"]?["name"]?.string, let sandbox = owners[pod] else { continue }
            if event.type == "DELETED" {
                setReady(.sandboxes, sandbox, false, "DependenciesNotReady", "the pod is gone")
                await makePod(of: sandbox)
            } else {
                let conditions = event.object["status"]?["conditions"]?.list ?? []
                let isReady = conditions.contains { $0["type"] == "Ready" && $0["status"] == "True" }
                setReady(
                    .sandboxes, sandbox, isReady, isReady ? "DependenciesReady" : "DependenciesNotReady", "pod \(pod)")
                for claim in objects[.sandboxclaims, default: [:]].keys { await bind(claim) }
            }
        }
    }

    private func podName(of sandbox: ManifestValue) -> String {
        sandbox["metadata"]?["annotations"]?["agents.x-k8s.io/pod-name"]?.string
            ?? sandbox["metadata"]?["name"]?.string ?? ""
    }

    private func makePod(of name: String) async {
        guard let sandbox = objects[.sandboxes]?[name], let template = sandbox["spec"]?["podTemplate"] else { return }
        let pod = podName(of: sandbox)
        var object: ManifestValue = ["metadata": template["metadata"] ?? [:], "spec": template["spec"] ?? [:]]
        object["metadata"]?["name"] = .string(pod)
        if let violation = violation(object) {
            return setReady(
                .sandboxes, name, false, "ReconcilerError", "violates PodSecurity \"restricted\": \(violation)")
        }
        owners[pod] = name
        setReady(.sandboxes, name, false, "DependenciesNotReady", "the pod is not ready")
        _ = await cluster.create(object, name: pod)
    }

    private func setReady(_ kind: Kind, _ name: String, _ isReady: Bool, _ reason: String, _ message: String) {
        let condition: ManifestValue = [
            "type": "Ready", "status": isReady ? "True" : "False", "reason": .string(reason),
            "message": .string(message),
        ]
        let last = objects[kind]?[name]?["status"]?["conditions"]?.list?.first
        guard last.map({ $0.merged(with: ["lastTransitionTime": nil]) }) != condition else { return }
        let stamped = condition.merged(with: ["lastTransitionTime": .string(Date.now.formatted(.iso8601))])
        change(kind, name) { $0 = $0.merged(with: ["status": ["conditions": [stamped]]]) }
    }

    private func fill(_ pool: String) async {
        guard let spec = objects[.sandboxwarmpools]?[pool]?["spec"] else { return }
        let waiting = objects[.sandboxes, default: [:]].values.filter {
            $0["metadata"]?["labels"]?[Self.poolLabel]?.string == pool
        }
        for _ in waiting.count..<max(spec["replicas"]?.integer ?? 0, waiting.count) { _ = await addWaiting(to: pool) }
    }

    private func addWaiting(to pool: String) async -> String? {
        let template = objects[.sandboxwarmpools]?[pool]?["spec"]?["sandboxTemplateRef"]?["name"]?.string ?? ""
        guard let podTemplate = objects[.sandboxtemplates]?[template]?["spec"]?["podTemplate"] else { return nil }
        count += 1
        let name = "\(pool)-\(count)"
        let object: ManifestValue = [
            "metadata": [
                "name": .string(name), "labels": [Self.poolLabel: .string(pool)],
                // As with pods of pools, whose names came before the sandbox's.
                "annotations": ["agents.x-k8s.io/pod-name": .string("\(name)-pod")],
            ],
            "spec": ["podTemplate": podTemplate],
        ]
        return await create(.sandboxes, object, name) == nil ? nil : name
    }

    /// Gives a claim its sandbox, and says whether it is ready.
    private func bind(_ name: String) async {
        guard let claim = objects[.sandboxclaims]?[name], binding.insert(name).inserted else { return }
        defer { binding.remove(name) }
        let pool = claim["spec"]?["warmPoolRef"]?["name"]?.string ?? ""
        guard objects[.sandboxwarmpools]?[pool] != nil else {
            return setReady(.sandboxclaims, name, false, "WarmPoolNotFound", "there is no SandboxWarmPool \(pool)")
        }
        if claim["status"]?["sandbox"] == nil {
            let waiting = objects[.sandboxes, default: [:]].filter {
                $0.value["metadata"]?["labels"]?[Self.poolLabel]?.string == pool && Self.isReady($0.value)
            }.keys.min()
            var taken = waiting
            if taken == nil { taken = await addWaiting(to: pool) }
            guard let taken else { return }
            change(.sandboxes, taken) { $0["metadata"]?["labels"]?[Self.poolLabel] = nil }
            change(.sandboxclaims, name) { $0 = $0.merged(with: ["status": ["sandbox": ["name": .string(taken)]]]) }
            await fill(pool)
        }
        guard let sandbox = objects[.sandboxclaims]?[name]?["status"]?["sandbox"]?["name"]?.string else { return }
        let isReady = objects[.sandboxes]?[sandbox].map(Self.isReady) ?? false
        setReady(
            .sandboxclaims, name, isReady, isReady ? "DependenciesReady" : "DependenciesNotReady", "sandbox \(sandbox)")
    }

    private static func isReady(_ object: ManifestValue) -> Bool {
        object["status"]?["conditions"]?.list?.contains { $0["type"] == "Ready" && $0["status"] == "True" } ?? false
    }
}
