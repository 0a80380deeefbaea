internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// What a cluster did not do. No message holds a token, a key or the contents of a request.
public struct KubernetesError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: Sendable, Hashable {
        /// The configuration, or a file or program it names, cannot be used.
        case configuration
        /// The server could not be reached, or the connection broke.
        case unreachable
        /// The server answered with this HTTP status.
        case status(Int)
        /// An answer that is none of Kubernetes.
        case malformed
    }

    public var kind: Kind
    public var message: String
    /// The machine-readable reason of a status: `NotFound`, `AlreadyExists`, `Forbidden`, `Expired`.
    public var reason: String?
    /// How long the server asks to wait before the request is made again.
    public var retryAfter: Duration?

    public init(_ kind: Kind, _ message: String, reason: String? = nil, retryAfter: Duration? = nil) {
        self.kind = kind
        self.message = message
        self.reason = reason
        self.retryAfter = retryAfter
    }

    public var description: String { message }

    public var isNotFound: Bool { kind == .status(404) }
    /// Whether something had begun that nobody heard the end of.
    public var isConnectionLost: Bool { reason == Self.connectionLost.reason }
    public var isConflict: Bool { kind == .status(409) }
    /// Whether a watch's version is too old to go on from.
    public var isExpired: Bool { kind == .status(410) }

    /// Whether the same request may succeed later.
    public var isTransient: Bool {
        if reason == "ContainerNotFound" { return false }
        return switch kind {
        case .unreachable, .status(408), .status(429), .status(500), .status(502), .status(503), .status(504): true
        case .status, .configuration, .malformed: false
        }
    }
}

extension KubernetesError {
    static let connectionLost = KubernetesError(
        .unreachable, "The connection to the command in the pod was lost.", reason: "ConnectionLost")

    /// The body that the API server sends with an error (`meta/v1 Status`).
    struct StatusBody: Decodable {
        var message: String?
        var reason: String?
        var code: Int?
        var details: Details?

        struct Details: Decodable {
            var retryAfterSeconds: Int?
            var causes: [Cause]?
        }

        struct Cause: Decodable {
            var reason: String?
            var message: String?
        }
    }

    /// Reads the answer of a server that refused a request.
    init(status: Int, headers: HTTPHeaders, body: ByteBuffer, purpose: String) {
        let read = try? JSONDecoder().decode(StatusBody.self, from: Data(body.readableBytesView))
        let text = read?.message ?? String(decoding: body.readableBytesView.prefix(300), as: UTF8.self)
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ").prefix(1000)
        let seconds = headers.first(name: "retry-after").flatMap { Int($0) } ?? read?.details?.retryAfterSeconds
        let explanation = line.isEmpty ? "the server answered with HTTP status \(status)" : String(line)
        self.init(
            .status(status), "\(purpose): \(explanation)", reason: read?.reason,
            retryAfter: seconds.map { .seconds(min(max($0, 0), 300)) })
    }

    /// An error of the connection, without what it may hold of the request.
    init(connection error: any Error, purpose: String) {
        let reason =
            switch error {
            case let error as HTTPClientError: error.shortDescription
            case let error as IOError: String(cString: strerror(error.errnoCode))
            case let error as NIOConnectionError:
                error.connectionErrors.first.map { "\($0.error)" } ?? error.dnsAError.map { "\($0)" } ?? "not found"
            case let error as ChannelError: "\(error)"
            default: String("\(error)".prefix(300))
            }
        self.init(.unreachable, "\(purpose): the API server cannot be reached: \(reason)")
    }
}
