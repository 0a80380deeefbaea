import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL

/// Who is let in, and to what.
extension ClusterServer {
    /// Who is at the other end of a connection.
    struct Peer: Sendable {
        /// Whether it showed a certificate of the cluster's authority.
        var hasCertificate: Bool

        /// Call it on the channel's event loop, after the handshake.
        init(_ channel: any Channel) {
            hasCertificate = (try? channel.pipeline.syncOperations.nioSSL_peerCertificate()) ?? nil != nil
        }
    }

    /// An answer that refuses a request.
    struct Refusal: Sendable {
        var status: Int
        /// `nil` where the answer is the plain message and no `Status`.
        var reason: String?
        var message = ""
        var retryAfter: Int?
    }

    /// Why a request is not even looked at; `nil` where it is.
    static func refusal(
        of head: HTTPRequestHead, _ peer: Peer, _ state: ClusterState, _ faults: ClusterFaults
    ) async -> Refusal? {
        let token = head.headers.first(name: "authorization").map {
            $0.replacing("Bearer ", with: "", maxReplacements: 1)
        }
        var isKnown = peer.hasCertificate
        if let token { isKnown = await state.tokens.contains(token) }
        guard isKnown else { return Refusal(status: 401, reason: "Unauthorized", message: "Unauthorized") }
        if let seconds = await faults.takeThrottling() {
            return Refusal(
                status: 429, reason: "TooManyRequests", message: "the server has received too many requests",
                retryAfter: seconds)
        }
        let denials = await state.denials
        guard let denied = rights(of: head).first(where: denials.contains) else { return nil }
        return Refusal(
            status: 403, reason: "Forbidden", message: "User \"test\" cannot \(denied) in the namespace \"tasks\"")
    }

    /// What a request needs, as roles name it: `create pods/exec`. Nothing where everybody may make it.
    private static func rights(of head: HTTPRequestHead) -> [String] {
        guard let parts = URLComponents(string: head.uri) else { return [] }
        var path = parts.path.split(separator: "/").map(String.init)
        var group = ""
        switch path.first {
        case "api" where path.count > 2: path.removeFirst(2)
        case "apis" where path.count > 3:
            group = ".\(path[1])"
            path.removeFirst(3)
        default: return []
        }
        if path.first == "namespaces", path.count > 2 { path.removeFirst(2) }
        guard let plural = path.first, plural != "selfsubjectaccessreviews" else { return [] }
        let resource = plural + group + (path.count > 2 ? "/\(path[2])" : "")
        let isWatch = parts.queryItems?.contains { $0.name == "watch" && ["true", "True", "1"].contains($0.value) }
        let verb: String? =
            switch head.method {
            case .GET where isWatch == true: "watch"
            case .GET: path.count > 1 ? "get" : "list"
            case .POST: "create"
            case .PATCH: "patch"
            case .DELETE: "delete"
            default: nil
            }
        // Over WebSockets a command is a GET, and since Kubernetes 1.35 needs the right to create as well.
        if path.count > 2, path[2] == "exec" { return ["get \(resource)", "create \(resource)"] }
        return verb.map { ["\($0) \(resource)"] } ?? []
    }
}
