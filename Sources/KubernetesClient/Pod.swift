/// A pod, as far as what watches over it needs (`core/v1 Pod`).
public struct Pod: KubernetesObject {
    public var metadata: ObjectMetadata
    public var spec: Spec?
    public var status: Status?

    public struct Spec: Sendable, Decodable {
        public var containers: [Container]

        public struct Container: Sendable, Decodable {
            public var name: String
        }
    }

    public struct Status: Sendable, Decodable {
        public var phase: String?
        public var reason: String?
        public var message: String?
        public var conditions: [Condition]?
        public var containerStatuses: [ContainerStatus]?
    }

    public struct Condition: Sendable, Decodable {
        public var type: String
        public var status: String
        public var reason: String?
        public var message: String?
    }

    public struct ContainerStatus: Sendable, Decodable {
        public var name: String
        public var ready: Bool?
        public var state: State?

        public struct State: Sendable, Decodable {
            public var waiting: Reason?
            public var terminated: Reason?
        }

        public struct Reason: Sendable, Decodable {
            public var reason: String?
            public var message: String?
            public var exitCode: Int?
        }
    }

    /// The condition of a type.
    public func condition(_ type: String) -> Condition? {
        status?.conditions?.first { $0.type == type }
    }

    /// Whether all its containers run and take commands.
    public var isReady: Bool {
        metadata.deletionTimestamp == nil && condition("Ready")?.status == "True"
    }

    /// Why a container takes no commands any more; `nil` while it may.
    ///
    /// A pod runs as long as one of its containers does, so that the others can have ended before it.
    public func ending(of container: String) -> Ending? {
        let terminated = status?.containerStatuses?.first { $0.name == container }?.state?.terminated
        guard terminated != nil || status?.phase == "Failed" || status?.phase == "Succeeded" else { return nil }
        let reasons = [status?.reason ?? terminated?.reason, status?.message ?? terminated?.message]
        let text = reasons.compactMap(\.self).filter { !$0.isEmpty }.joined(separator: ": ")
        let own = ["OOMKilled", "Evicted", "Error", "Completed", "StartError", "ContainerCannotRun"]
        return Ending(
            reason: text.isEmpty ? "no reason was given" : text,
            isOwn: reasons.compactMap(\.self).contains(where: own.contains))
    }

    /// How a container ended.
    public struct Ending: Sendable, Hashable {
        /// In the words of the cluster.
        public var reason: String
        /// Whether what ran in it brought it about, and may do so again.
        public var isOwn: Bool
    }
}

/// Something that happened to an object (`core/v1 Event`).
public struct KubernetesEvent: KubernetesObject {
    public var metadata: ObjectMetadata
    public var type: String?
    public var reason: String?
    public var message: String?
}
