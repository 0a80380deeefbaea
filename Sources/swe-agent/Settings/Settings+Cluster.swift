import Sandboxes

extension Settings {
    /// Where the commands of tasks run.
    enum SandboxType: String, CaseIterable, Sendable {
        /// On this machine.
        case local
        /// In a pod for each task.
        case k8s
        /// In a pod for each task that agent-sandbox makes.
        case agentSandbox = "agent-sandbox"
    }

    /// The cluster that pods run in, and what they are like.
    struct Cluster: Sendable {
        /// The kubeconfig's context; `nil` takes the current one, or the service account of this pod.
        var context: String?
        /// `nil` takes the namespace of the context or service account.
        var namespace: String?
        var pods: PodSandboxSettings
    }
}

extension Settings.Cluster {
    /// - Throws: ``SettingsError``.
    init(_ reader: SettingsReader, _ type: Settings.SandboxType, taskSeconds: Int) throws {
        context = reader.string(.k8sContext)
        namespace = try Self.name(.k8sNamespace, reader)
        let pool = type == .agentSandbox ? try Self.name(.k8sWarmPool, reader) : nil
        pods = PodSandboxSettings(image: try Self.image(reader, type, pool: pool))
        if type == .agentSandbox { pods.origin = pool.map { .warmPool($0) } ?? .sandboxes }
        pods.runtimeClass = try Self.name(.k8sRuntimeClass, reader)
        pods.serviceAccount = try Self.name(.k8sServiceAccount, reader)
        if let cpu = try Self.resource(.k8sCPU, "250m/2", reader) { pods.cpu = cpu }
        if let memory = try Self.resource(.k8sMemory, "512Mi/2Gi", reader) { pods.memory = memory }
        if let storage = try Self.resource(.k8sEphemeralStorage, "1Gi/10Gi", reader) {
            pods.ephemeralStorage = storage
        }
        if let seconds = try reader.integer(.k8sStartTimeout, in: 1...86_400) { pods.startTimeout = .seconds(seconds) }
        // A task is given twice its time, as it may wait for a person or for a service that is started again.
        pods.lifetimeSeconds = taskSeconds * 2 + 3600
        guard let file = reader.string(.k8sPodTemplate) else { return }
        do {
            pods.template = try PodSandboxSettings.template(atPath: file)
        } catch let error as SandboxError {
            throw reader.wrong(.k8sPodTemplate, error.message)
        }
    }

    private static func image(
        _ reader: SettingsReader, _ type: Settings.SandboxType, pool: String?
    ) throws -> String {
        guard let image = reader.string(.workerImage) else {
            // The pool's template names one.
            if pool != nil { return "" }
            throw SettingsError(
                """
                WORKER_IMAGE is missing, and SANDBOX_TYPE=\(type.rawValue) needs it: name an image that has bash and \
                git\(type == .agentSandbox ? ", or a warm pool as K8S_WARM_POOL" : "")
                """)
        }
        guard image.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._:\/@-]*/) != nil else {
            throw reader.wrong(.workerImage, "write an image such as registry.example.com/worker:1")
        }
        return image
    }

    /// A name as the cluster has them (RFC 1123).
    private static func name(_ variable: Variable, _ reader: SettingsReader) throws -> String? {
        guard let name = reader.string(variable) else { return nil }
        guard name.utf8.count <= 253, name.wholeMatch(of: /[a-z0-9]([a-z0-9.-]*[a-z0-9])?/) != nil else {
            throw reader.wrong(variable, "write a name of lower-case letters, digits and -")
        }
        return name
    }

    private static func resource(
        _ variable: Variable, _ example: String, _ reader: SettingsReader
    ) throws -> PodSandboxSettings.Resource? {
        guard let text = reader.string(variable) else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(parts.count),
            parts.allSatisfy({ $0.wholeMatch(of: /[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?/) != nil })
        else { throw reader.wrong(variable, "write what a pod asks for and may use at most, such as \(example)") }
        return PodSandboxSettings.Resource(request: parts[0], limit: parts[parts.count - 1])
    }
}
