import Foundation
import ModelHub
import TestSupport

/// Serves a model and makes an empty cache for as long as `body` runs.
func withHub(
    _ files: [String: Data] = LoopbackHub.model(),
    _ body: @escaping @Sendable (_ hub: LoopbackHub, _ cache: String) async throws -> Void
) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "swe-agent-hub-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let cache = folder.resolvingSymlinksInPath().path(percentEncoded: false) + "/hub"
    try await LoopbackHub.serving(files) { hub in try await body(hub, cache) }
}

/// Pulls the model of a hub.
func pull(
    _ hub: LoopbackHub, _ cache: String, id: String = LoopbackHub.id, revision: String = "main", token: String? = nil,
    offline: Bool = false, onEvent: @escaping @Sendable (ModelHub.Event) -> Void = { _ in }
) async throws -> ModelHub.Pulled {
    let settings = HubSettings(
        endpoint: await hub.endpoint, cache: cache, token: try token.flatMap { try HubToken($0) }, isOffline: offline)
    return try await ModelHub.withHub(settings, retryDelay: .milliseconds(1)) { client in
        try await client.pull(try ModelID(id), revision: try ModelRevision(revision), onEvent: onEvent)
    }
}
