import Foundation
import KubernetesClient
import NIOCore
import NIOHTTP1

/// Watches of all kinds of objects.
extension ClusterServer {
    /// - Parameters:
    ///   - resource: The plural name of the objects' kind.
    ///   - type: The kind and the version of their API.
    func watch(
        _ objects: any WatchedObjects, _ resource: String, _ type: (kind: String, apiVersion: String),
        _ query: [String: String], _ selector: @Sendable (ManifestValue) -> Bool, _ out: Writer
    ) async throws {
        try await out.write(
            .head(HTTPResponseHead(version: .http1_1, status: .ok, headers: ["content-type": "application/json"])))
        let version = query["resourceVersion"].flatMap { Int($0) }
        if let watch = await objects.watch(after: version) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                if let seconds = query["timeoutSeconds"].flatMap({ Int($0) }) {
                    group.addTask {
                        try await Task.sleep(for: .seconds(seconds))
                        await objects.endWatch(watch.number)
                    }
                }
                for await event in watch.events {
                    var object = event.object
                    if event.type == "BOOKMARK" {
                        guard query["allowWatchBookmarks"] == "true" else { continue }
                        (object["kind"], object["apiVersion"]) = (.string(type.kind), .string(type.apiVersion))
                    } else if event.resource != resource || !selector(object) {
                        continue
                    }
                    try await Self.write(["type": .string(event.type), "object": object], out)
                }
                group.cancelAll()
            }
        } else {
            let status: ManifestValue = [
                "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure", "code": 410,
                "reason": "Expired", "message": .string("too old resource version: \(version ?? 0)"),
            ]
            try await Self.write(["type": "ERROR", "object": status], out)
        }
        try await out.write(.end(nil))
    }

    private static func write(_ event: ManifestValue, _ out: Writer) async throws {
        try await out.write(.body(ByteBuffer(bytes: try JSONEncoder().encode(event) + Data("\n".utf8))))
    }
}
