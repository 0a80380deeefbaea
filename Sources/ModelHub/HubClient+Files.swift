internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOFoundationCompat
internal import NIOHTTP1

/// A file of a repository as the hub describes it.
struct RemoteFile: Sendable, Hashable {
    var name: String
    /// The name of its blob in the cache.
    var etag: String
    /// Bytes.
    var size: Int
}

/// A state of a repository.
struct RemoteModel: Sendable {
    var commit: String
    var files: Set<String>
}

extension HubClient {
    private static let maxListBytes = 32 << 20

    /// `GET /api/models/{id}/revision/{revision}`.
    ///
    /// - Throws: ``ModelHubError`` or `CancellationError`.
    func model(_ id: ModelID, _ revision: ModelRevision) async throws -> RemoteModel {
        struct Reply: Decodable {
            struct Sibling: Decodable { var rfilename: String }

            var sha: String
            var siblings: [Sibling]?
        }
        let path = "/api/models/\(id)/revision/\(revision.description.replacing("/", with: "%2F"))"
        let subject = "\(id)\(revision == .main ? "" : " at \(revision)")"
        let data = try await retrying {
            let response = try await send(.GET, path, about: subject)
            do {
                return Data(buffer: try await response.body.collect(upTo: Self.maxListBytes))
            } catch is NIOTooManyBytesError {
                throw ModelHubError("the hub's answer about \(id) is too long")
            } catch {
                throw try Self.transport(error, host: endpoint)
            }
        }
        guard let reply = try? JSONDecoder().decode(Reply.self, from: data),
            (try? ModelRevision(reply.sha))?.isCommit == true
        else { throw ModelHubError("the hub's answer about \(id) makes no sense; is HF_ENDPOINT \(endpoint) a hub?") }
        return RemoteModel(commit: reply.sha, files: Set((reply.siblings ?? []).map(\.rfilename)))
    }

    /// `HEAD /{id}/resolve/{commit}/{file}`, as far as the hub itself answers it.
    ///
    /// - Throws: ``ModelHubError`` or `CancellationError`.
    func file(_ name: String, of id: ModelID, commit: String) async throws -> RemoteFile {
        let subject = "\(name) of \(id)"
        let headers = try await retrying {
            try await send(.HEAD, Self.path(name, of: id, commit), about: subject, followsAway: false).headers
        }
        let tag = headers.first(name: "x-linked-etag") ?? headers.first(name: "etag") ?? ""
        let etag = tag.replacing(/^W\//, with: "").trimmingCharacters(in: ["\""])
        // It becomes the name of a file.
        guard etag.wholeMatch(of: /[A-Za-z0-9_-][A-Za-z0-9_.-]{0,149}/) != nil else {
            throw ModelHubError("the hub does not say which version of \(subject) it has; is HF_ENDPOINT a hub?")
        }
        let length = headers.first(name: "x-linked-size") ?? headers.first(name: "content-length")
        guard let size = length.flatMap({ Int($0) }), size >= 0, size < 1 << 50 else {
            throw ModelHubError("the hub does not say how large \(subject) is")
        }
        return RemoteFile(name: name, etag: etag, size: size)
    }

    static func path(_ name: String, of id: ModelID, _ commit: String) -> String {
        "/\(id)/resolve/\(commit)/\(name)"
    }
}
