public import LocalInference
public import Logging
public import ModelHub

/// The models that run inside this process, each loaded once, when it is first asked.
public actor LocalModels {
    /// How local models are found and loaded.
    public struct Settings: Sendable {
        /// The models of the hub on this machine.
        public var hub: ModelCache
        public var loading: LocalModel.Options

        public init(hub: ModelCache, loading: LocalModel.Options = LocalModel.Options()) {
            self.hub = hub
            self.loading = loading
        }
    }

    private let settings: Settings
    private let logger: Logger
    private var models: [String: Task<LocalModel, any Error>] = [:]

    public init(settings: Settings, logger: Logger = Logger(label: "local-inference")) {
        self.settings = settings
        self.logger = logger
    }

    /// The model of a hub id or a path. Those who ask while it is loaded wait for the same load.
    ///
    /// - Throws: An error of one sentence: ``ModelHubError``, `CheckpointError` or `LocalModelError`.
    public func model(_ name: String) async throws -> LocalModel {
        if let loading = models[name] { return try await loading.value }
        let loading = Task { [settings, logger] in
            try await LocalModel(
                directory: try settings.hub.directory(of: name), options: settings.loading, logger: logger)
        }
        models[name] = loading
        do {
            return try await loading.value
        } catch {
            // What was missing may be there the next time.
            models[name] = nil
            throw error
        }
    }
}
