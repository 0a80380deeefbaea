import Foundation
import KubernetesClient

/// The objects of a test cluster, and everyone who watches them.
public actor ClusterState: WatchedObjects {
    private let folder: String
    private let starts: AsyncStream<TestPod>.Continuation
    private var log = WatchLog()
    private var pods: [String: ManifestValue] = [:]
    private var running: [String: TestPod] = [:]
    private var images: [String: String] = [:]
    /// The requests so far that were let in, as `METHOD resource`.
    public private(set) var requests: [String] = []
    /// How long the processes of commands lasted, as they ended.
    public private(set) var execSeconds: [Double] = []
    /// The tokens that clients are let in with.
    public private(set) var tokens: Set<String> = [TestCluster.token]

    init(folder: String, starts: AsyncStream<TestPod>.Continuation) {
        self.folder = folder
        self.starts = starts
    }

    /// The versions of the groups that the server has beside its own.
    private(set) var groups: [String: [String]] = [:]
    public private(set) var runtimeClasses: Set<String> = []
    /// What the client may not do, as roles name it: `create pods/exec`.
    public private(set) var denials: Set<String> = []

    func addAgentSandbox() {
        groups = ["agents.x-k8s.io": ["v1beta1"], "extensions.agents.x-k8s.io": ["v1beta1"]]
    }

    public func add(runtimeClass name: String) { runtimeClasses.insert(name) }
    public func deny(_ rights: String...) { denials.formUnion(rights) }
    /// Lets clients in with these tokens and no others.
    public func accept(tokens: String...) { self.tokens = Set(tokens) }

    /// How many requests of each kind have come.
    public var requestCounts: [String: Int] { requests.reduce(into: [:]) { $0[$1, default: 0] += 1 } }

    public var podNames: [String] { pods.keys.sorted() }

    /// Has pods with this image wait for this reason, for ever or until the image is allowed.
    public func refuse(image: String, reason: String) { images[image] = reason }

    /// Has the pods start that wait with this image.
    public func allow(image: String) {
        images[image] = nil
        for (name, pod) in pods where running[name] == nil && Self.image(of: pod) == image { start(name, pod) }
    }

    /// How many watches there have been.
    public var watchesBegun: Int { log.watchesBegun }

    /// Forgets what has happened and ends all watches, as a server does whose storage is compacted.
    public func forgetHistory() { log.forget() }

    /// Ends all watches, as a server may at any time.
    public func endAllWatches() { log.endAll() }

    /// Tells all who watch, and want to know, how far they have seen.
    public func sendBookmarks() { log.sendBookmarks() }

    /// Has the cluster end a pod, as an eviction does.
    public func evict(_ name: String, reason: String) async {
        await running[name]?.kill()
        change(name) { $0["status"] = ["phase": "Failed", "reason": .string(reason), "message": "evicted by a test"] }
    }

    /// Deletes a pod, as a person does with kubectl.
    public func remove(_ name: String) async { _ = await delete(name) }

    func end() async {
        for pod in running.values { await pod.kill() }
        starts.finish()
        log.endAll()
    }

    func note(_ request: String) { requests.append(request) }
    func noteExec(lasting seconds: Double) { execSeconds.append(seconds) }

    func pod(_ name: String) -> ManifestValue? { pods[name] }
    func process(_ pod: String) -> TestPod? { running[pod] }

    func list(_ selector: (ManifestValue) -> Bool) -> (items: [ManifestValue], version: Int) {
        (pods.values.filter(selector), log.version)
    }

    /// `nil` where the name is taken.
    func create(_ object: ManifestValue, name: String) -> ManifestValue? {
        guard pods[name] == nil else { return nil }
        var object = object
        object["metadata"]?["uid"] = .string(UUID().uuidString)
        object["metadata"]?["namespace"] = "tasks"
        object["metadata"]?["creationTimestamp"] = .string(Date.now.formatted(.iso8601))
        (object["kind"], object["apiVersion"]) = ("Pod", "v1")
        object["status"] = ["phase": "Pending"]
        pods[name] = object
        change(name, "ADDED") { _ in }
        let image = Self.image(of: object)
        if let reason = images[image] {
            change(name) {
                $0["status"]?["containerStatuses"] = [
                    [
                        "name": "main", "image": .string(image), "imageID": "", "ready": false, "restartCount": 0,
                        "state": ["waiting": ["reason": .string(reason), "message": "no such image"]],
                    ]
                ]
            }
        } else {
            start(name, object)
        }
        return pods[name]
    }

    private func start(_ name: String, _ object: ManifestValue) {
        let pod = TestPod(name: name, folder: "\(folder)/\(UUID().uuidString)", manifest: object)
        running[name] = pod
        starts.yield(pod)
    }

    private static func image(of pod: ManifestValue) -> String {
        pod["spec"]?["containers"]?.list?.first?["image"]?.string ?? ""
    }

    func delete(_ name: String) async -> ManifestValue? {
        guard pods[name] != nil else { return nil }
        change(name) { $0["metadata"]?["deletionTimestamp"] = .string(Date.now.formatted(.iso8601)) }
        await running[name]?.kill()
        running[name] = nil
        change(name, "DELETED") { _ in }
        return pods.removeValue(forKey: name)
    }

    func patch(_ name: String, _ change: ManifestValue) -> ManifestValue? {
        self.change(name) { $0 = $0.merged(with: change) }
        return pods[name]
    }

    func becomeReady(_ pod: TestPod) {
        guard running[pod.name] === pod else { return }
        change(pod.name) {
            $0["status"] = ["phase": "Running", "conditions": [["type": "Ready", "status": "True"]]]
        }
    }

    func hasEnded(_ pod: TestPod) {
        guard running[pod.name] === pod, pods[pod.name]?["status"]?["phase"]?.string == "Running" else { return }
        change(pod.name) { $0["status"] = ["phase": "Failed", "reason": "Error"] }
    }

    private func change(_ name: String, _ type: String = "MODIFIED", _ body: (inout ManifestValue) -> Void) {
        guard var object = pods[name] else { return }
        body(&object)
        log.note(type, "pods", &object)
        pods[name] = object
    }

    func watch(after: Int?) -> (number: Int, events: AsyncStream<WatchLog.Event>)? {
        log.watch(after: after) { number in Task { await self.endWatch(number) } }
    }

    func endWatch(_ number: Int) { log.end(number) }
}
