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

    /// Whether nothing of it runs or ever will again.
    public var hasEnded: Bool {
        status?.phase == "Failed" || status?.phase == "Succeeded"
    }
}

/// Something that happened to an object (`core/v1 Event`).
public struct KubernetesEvent: KubernetesObject {
    public var metadata: ObjectMetadata
    public var type: String?
    public var reason: String?
    public var message: String?
}
