internal import AsyncHTTPClient
internal import Foundation

/// Fetches models from the hub into the cache.
public struct ModelHub: Sendable {
    private let settings: HubSettings
    private let client: HubClient

    public var cache: ModelCache { ModelCache(directory: settings.cache) }

    /// What happens while a model is pulled.
    public enum Event: Sendable, Hashable {
        /// Everything that belongs to the model is known: its size in bytes, and how much of it is here already.
        case planned(files: Int, bytes: Int, present: Int)
        /// Another process fetches this file.
        case waiting(file: String)
        /// Bytes of a file were written; `isResumed` for those that an earlier pull has left.
        case received(file: String, bytes: Int, isResumed: Bool)
        /// All of it is here and is compared with its checksum.
        case checking(file: String)
        case finished(file: String, bytes: Int)
    }

    /// A model that was pulled.
    public struct Pulled: Sendable, Hashable {
        public var id: ModelID
        public var commit: String
        /// The folder of its files.
        public var path: String
        /// Bytes that came over the network.
        public var received: Int
    }

    /// Makes a hub for as long as `body` runs.
    public static func withHub<Result: Sendable>(
        _ settings: HubSettings, _ body: (ModelHub) async throws -> Result
    ) async throws -> Result {
        try await withHub(settings, retryDelay: .milliseconds(500), body)
    }

    /// - Parameter retryDelay: The wait before a failed request is repeated for the first time.
    package static func withHub<Result: Sendable>(
        _ settings: HubSettings, retryDelay: Duration, _ body: (ModelHub) async throws -> Result
    ) async throws -> Result {
        let http = HTTPClient(configuration: HubClient.configuration)
        let client = HubClient(
            http: http, endpoint: settings.endpoint, token: settings.token, retryDelay: retryDelay)
        let result: Swift.Result<Result, any Error>
        do {
            result = .success(try await body(ModelHub(settings: settings, client: client)))
        } catch {
            result = .failure(error)
        }
        try? await http.shutdown()
        return try result.get()
    }

    /// Fetches what is missing of a model: its configuration, its tokenizer, and its weights in the best format.
    ///
    /// What is there is used, whoever fetched it; what was cut off goes on. A revision's name points to its files only
    /// when all are there.
    ///
    /// - Throws: ``ModelHubError`` or `CancellationError`.
    public func pull(
        _ id: ModelID, revision: ModelRevision = .main, onEvent: @escaping @Sendable (Event) -> Void = { _ in }
    ) async throws -> Pulled {
        guard !settings.isOffline else { return try present(id, revision) }
        let model = try await client.model(id, revision)
        let pull = ModelPull(
            client: client, cache: cache, id: id, commit: model.commit, files: model.files, onEvent: onEvent)
        let received = try await pull.run()
        try pull.point(revision)
        return Pulled(id: id, commit: model.commit, path: pull.folder, received: received)
    }

    /// What can be had without the hub.
    private func present(_ id: ModelID, _ revision: ModelRevision) throws(ModelHubError) -> Pulled {
        guard let folder = cache.snapshot(of: id, revision: revision), ModelFiles.missing(in: folder) == nil else {
            throw ModelHubError("\(id) is not complete on this machine, and HF_HUB_OFFLINE keeps from asking the hub")
        }
        let commit = URL(filePath: folder).lastPathComponent
        return Pulled(id: id, commit: commit, path: folder, received: 0)
    }
}
