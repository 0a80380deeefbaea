internal import Foundation
public import KubernetesClient
internal import Yams

/// What an operator can choose about the pods of tasks.
public struct PodSandboxSettings: Sendable, Hashable {
    /// What a container asks for, and the most that it gets; quantities of Kubernetes such as `500m` or `2Gi`.
    public struct Resource: Sendable, Hashable {
        public var request: String
        public var limit: String

        public init(request: String, limit: String) {
            self.request = request
            self.limit = limit
        }
    }

    /// What pods are made by.
    public enum Origin: Sendable, Hashable {
        /// The service itself.
        case pods
        /// agent-sandbox, of a `Sandbox` for each task.
        case sandboxes
        /// agent-sandbox, of a `SandboxClaim` on the warm pool of this name; image, resources and runtime class are the
        /// pool's.
        case warmPool(String)
    }

    public var origin = Origin.pods
    /// The image of the pods; it needs bash, git and tar.
    public var image: String
    public var runtimeClass: String?
    public var serviceAccount: String?
    public var cpu = Resource(request: "250m", limit: "2")
    public var memory = Resource(request: "512Mi", limit: "2Gi")
    public var ephemeralStorage = Resource(request: "1Gi", limit: "10Gi")
    /// A pod's manifest that is laid over what the settings make.
    public var template: ManifestValue?
    /// How long a pod may take until it is ready.
    public var startTimeout = Duration.seconds(300)
    /// The cluster ends a pod after this many seconds, whatever becomes of the service.
    public var lifetimeSeconds = 86_400

    public init(image: String) { self.image = image }

    /// Reads a template.
    ///
    /// - Throws: ``SandboxError`` that says what is wrong with the file.
    public static func template(atPath path: String) throws -> ManifestValue {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SandboxError(.unavailable, "there is no readable file at this path")
        }
        guard let value = try? YAMLDecoder().decode(ManifestValue.self, from: data), value.object != nil,
            value["kind"]?.string ?? "Pod" == "Pod"
        else { throw SandboxError(.failed, "the file is not the YAML of one Pod") }
        return value
    }
}

/// How the pods of tasks are named, marked and made.
struct PodPlan: Sendable {
    static let main = "main"
    /// Holds the mirror: only this container can write what the other one reads.
    static let keeper = "repository"
    static let ownerLabel = "swe-agent/owner"
    static let taskLabel = "swe-agent/task"
    static let workspace = "/workspace"
    static let home = "/home/agent"
    static let repositories = "/repository"
    static let records = home + "/.swe-agent-commands"
    /// The variable that the first process of a container knows its pod by.
    static let marker = "SWE_AGENT_POD"

    var settings: PodSandboxSettings
    /// The installation that the pods belong to.
    var owner: String

    /// What to do about an image that lacks a program.
    static let advice = "name an image that has bash, git and tar as WORKER_IMAGE"

    /// The name of a task's pod, and of those that took its place.
    func name(of id: String, generation: Int = 1) -> String {
        generation == 1 ? "swe-agent-\(id)" : "swe-agent-\(id)-\(generation)"
    }

    func manifest(id: String, generation: Int = 1) -> ManifestValue {
        let name = name(of: id, generation: generation)
        let restricted: ManifestValue = [
            "allowPrivilegeEscalation": false, "capabilities": ["drop": ["ALL"]], "runAsNonRoot": true,
            "seccompProfile": ["type": "RuntimeDefault"],
        ]
        // Ends at once when it is asked to, and reaps what commands left.
        let idle: ManifestValue = [
            "/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done",
        ]
        let environment: ManifestValue = [
            ["name": .string(Self.marker), "value": .string(name)], ["name": "HOME", "value": .string(Self.home)],
            ["name": "LANG", "value": "C.UTF-8"], ["name": "TERM", "value": "dumb"],
        ]
        func quantities(_ part: (PodSandboxSettings.Resource) -> String) -> ManifestValue {
            [
                "cpu": .string(part(settings.cpu)), "memory": .string(part(settings.memory)),
                "ephemeral-storage": .string(part(settings.ephemeralStorage)),
            ]
        }
        let limit: ManifestValue = .string(settings.ephemeralStorage.limit)
        var spec: ManifestValue = [
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": 1,
            "activeDeadlineSeconds": .integer(Int64(settings.lifetimeSeconds)),
            "securityContext": [
                "runAsNonRoot": true, "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000,
                "seccompProfile": ["type": "RuntimeDefault"],
            ],
            "containers": [
                [
                    "name": .string(Self.main), "image": .string(settings.image), "command": idle, "env": environment,
                    "workingDir": .string(Self.workspace), "securityContext": restricted,
                    "resources": ["requests": quantities(\.request), "limits": quantities(\.limit)],
                    "volumeMounts": [
                        ["name": "workspace", "mountPath": .string(Self.workspace)],
                        ["name": "home", "mountPath": .string(Self.home)],
                        ["name": "tmp", "mountPath": "/tmp"],
                        ["name": "repository", "mountPath": .string(Self.repositories), "readOnly": true],
                    ],
                ],
                [
                    "name": .string(Self.keeper), "image": .string(settings.image), "command": idle,
                    "env": environment, "securityContext": restricted,
                    "resources": [
                        "requests": ["cpu": "10m", "memory": "32Mi"],
                        "limits": ["cpu": .string(settings.cpu.limit), "memory": .string(settings.memory.limit)],
                    ],
                    "volumeMounts": [["name": "repository", "mountPath": .string(Self.repositories)]],
                ],
            ],
            "volumes": [
                ["name": "workspace", "emptyDir": ["sizeLimit": limit]],
                ["name": "home", "emptyDir": ["sizeLimit": limit]],
                ["name": "tmp", "emptyDir": ["sizeLimit": limit]],
                ["name": "repository", "emptyDir": ["sizeLimit": limit]],
            ],
        ]
        if let name = settings.runtimeClass { spec["runtimeClassName"] = .string(name) }
        if let name = settings.serviceAccount { spec["serviceAccountName"] = .string(name) }
        var pod: ManifestValue = ["spec": spec]
        if let template = settings.template { pod = pod.merged(with: template) }
        let identity: ManifestValue = [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": [
                "name": .string(name),
                "labels": [
                    "app.kubernetes.io/managed-by": "swe-agent", Self.ownerLabel: .string(owner),
                    Self.taskLabel: .string(id),
                ],
            ],
        ]
        return pod.merged(with: identity)
    }
}
