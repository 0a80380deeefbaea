internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1

extension KubernetesClient {
    /// How long a server is asked to keep one watch; then the next goes on from where it ended.
    static let watchSeconds: Int64 = 240
    /// The least time between two watches that the server ends or has forgotten the version of.
    private static let watchPause = Duration.milliseconds(500)

    /// Follows one object from now on, over every break of the connection, until `body` gives a result.
    ///
    /// The body is called with the object as it is first, and then for each change; with `nil` when there is no such
    /// object any more. A change may be seen twice, and of several quick ones only the last; none is missed for good.
    ///
    /// - Throws: What the body throws, ``KubernetesError`` where the server refuses or stays away, or `CancellationError`.
    public func follow<Object: KubernetesObject, Result>(
        _ resource: KubernetesResource, _ name: String, as type: Object.Type = Object.self,
        _ body: (Object?) async throws -> Result?
    ) async throws -> Result {
        let fields = "metadata.name=\(name)"
        while true {
            let list: KubernetesList<Object> = try await self.list(resource, fields: fields)
            if let result = try await body(list.items.first) { return result }
            var version = list.resourceVersion
            watching: while true {
                let next = ContinuousClock.now + Self.watchPause * Double.random(in: 0.5...1)
                do {
                    let outcome: WatchOutcome<Result> = try await KubernetesRetry.run {
                        try await watch(resource, fields: fields, version: &version, body)
                    }
                    switch outcome {
                    case .result(let result): return result
                    case .ended: try await Task.sleep(until: next, clock: .continuous)
                    case .expired:
                        try await Task.sleep(until: next, clock: .continuous)
                        break watching
                    }
                } catch let error as KubernetesError where error.isExpired {
                    try await Task.sleep(until: next, clock: .continuous)
                    break watching
                }
            }
        }
    }

    private enum WatchOutcome<Result> {
        case result(Result)
        /// The server closed the watch, which it does from time to time.
        case ended
        /// What happened since the version is forgotten.
        case expired
    }

    private struct WatchEvent<Object: KubernetesObject>: Decodable {
        var type: String
        var object: Object

        enum CodingKeys: String, CodingKey { case type, object }
    }

    private struct WatchMark: Decodable {
        var type: String
        var object: Mark

        struct Mark: Decodable {
            var metadata: Metadata?
            var code: Int?
            var message: String?
        }

        struct Metadata: Decodable { var resourceVersion: String? }
    }

    private func watch<Object: KubernetesObject, Result>(
        _ resource: KubernetesResource, fields: String, version: inout String, _ body: (Object?) async throws -> Result?
    ) async throws -> WatchOutcome<Result> {
        let purpose = "watching \(resource.plural)"
        let query = [
            ("watch", "true"), ("allowWatchBookmarks", "true"), ("fieldSelector", fields), ("resourceVersion", version),
            ("timeoutSeconds", String(Self.watchSeconds)),
        ]
        let response = try await open(
            .GET, path(resource) + Self.query(query), timeout: .seconds(Self.watchSeconds + 30), purpose: purpose)
        var lines = JSONLines(limit: 16 << 20)
        var chunks = response.body.makeAsyncIterator()
        while true {
            let chunk: ByteBuffer?
            do {
                chunk = try await chunks.next()
            } catch {
                try Task.checkCancellation()
                // The connection broke; what was seen counts, and the next watch goes on from there.
                return .ended
            }
            guard let chunk else { return .ended }
            for line in try lines.add(chunk) {
                guard let mark = try? JSONDecoder().decode(WatchMark.self, from: line) else {
                    throw KubernetesError(.malformed, "\(purpose): the answer is not what the API describes.")
                }
                switch mark.type {
                case "ERROR":
                    if mark.object.code == 410 { return .expired }
                    throw KubernetesError(
                        .status(mark.object.code ?? 500), "\(purpose): \(mark.object.message ?? "the server gave up")")
                case "BOOKMARK": break
                default:
                    guard let event = try? JSONDecoder().decode(WatchEvent<Object>.self, from: line) else {
                        throw KubernetesError(.malformed, "\(purpose): an object is not what the API describes.")
                    }
                    if let result = try await body(mark.type == "DELETED" ? nil : event.object) {
                        return .result(result)
                    }
                }
                if let new = mark.object.metadata?.resourceVersion, !new.isEmpty { version = new }
            }
        }
    }
}

/// Splits a stream into its lines.
private struct JSONLines {
    let limit: Int
    private var rest = ByteBuffer()

    init(limit: Int) { self.limit = limit }

    mutating func add(_ chunk: ByteBuffer) throws -> [Data] {
        rest.writeImmutableBuffer(chunk)
        var lines: [Data] = []
        while let end = rest.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
            let line = rest.readBytes(length: end - rest.readerIndex) ?? []
            rest.moveReaderIndex(forwardBy: 1)
            if !line.isEmpty { lines.append(Data(line)) }
        }
        rest.discardReadBytes()
        guard rest.readableBytes <= limit else {
            throw KubernetesError(.malformed, "The server sent an event of more than \(limit) bytes.")
        }
        return lines
    }
}
