import Crypto
public import Foundation
import Hummingbird
import NIOCore

/// A hub of one model on loopback: the API, the files, and a second host that the large ones are redirected to.
public actor LoopbackHub {
    /// What the hub does, or does wrong.
    public struct Behaviour: Sendable {
        /// The token that is asked for.
        public var token: String?
        /// What every request to the hub itself is answered with.
        public var status: Int?
        /// Whether large files are on the second host.
        public var redirects = true
        /// Where large files are said to be, in place of the second host.
        public var location: String?
        /// Whether ranges are known.
        public var knowsRanges = true
        /// After how many bytes a connection for a large file is cut, and how often that happens.
        public var cut: (bytes: Int, times: Int)?
        /// Files whose contents have a flaw.
        public var flawed: Set<String> = []
        /// The size that large files are said to have.
        public var statedSize: Int?
        /// The names in the list of files, in place of the real ones.
        public var listed: [String]?
        /// The commit in the answer about the model.
        public var commit = "0123456789abcdef0123456789abcdef01234567"
        /// The ETag of all files, in place of the real ones.
        public var etag: String?

        public init() {}
    }

    /// A request that came in.
    public struct Received: Sendable, Hashable {
        public var method: String
        /// Whether it came to the second host.
        public var isAway: Bool
        public var path: String
        public var range: String?
        public var authorization: String?
    }

    public static let id = "acme/tiny-coder"

    public nonisolated let files: [String: Data]
    private var behaviour: Behaviour
    private var ports = (hub: 0, away: 0)
    private(set) public var received: [Received] = []
    private var gate: AsyncStream<Never>?

    private init(_ files: [String: Data], _ behaviour: Behaviour) {
        self.files = files
        self.behaviour = behaviour
    }

    public var endpoint: String { "http://127.0.0.1:\(ports.hub)" }
    public var commit: String { behaviour.commit }

    public func change(_ body: @Sendable (inout Behaviour) -> Void) { body(&behaviour) }
    public func forget() { received = [] }

    /// Lets requests for large files wait until the stream ends.
    public func hold(until stream: AsyncStream<Never>?) { gate = stream }

    /// Serves a model as long as `body` runs.
    public static func serving<Result: Sendable>(
        _ files: [String: Data], _ behaviour: Behaviour = Behaviour(),
        _ body: @Sendable @escaping (LoopbackHub) async throws -> Result
    ) async throws -> Result {
        let hub = LoopbackHub(files, behaviour)
        return try await withLoopbackServer({ try await hub.respond($0, isAway: true) }) { away in
            try await withLoopbackServer({ try await hub.respond($0, isAway: false) }) { port in
                await hub.set(hub: port, away: away)
                return try await body(hub)
            }
        }
    }

    private func set(hub: Int, away: Int) { ports = (hub, away) }
}

extension LoopbackHub {
    private func respond(_ request: Request, isAway: Bool) async throws -> Response {
        let authorization = request.headers[.authorization]
        received.append(
            Received(
                method: request.method.rawValue, isAway: isAway, path: request.uri.path,
                range: request.headers[.range], authorization: authorization))
        if !isAway {
            if let status = behaviour.status { return Response(status: .init(code: status)) }
            if let token = behaviour.token, authorization != "Bearer \(token)" {
                return Response(status: .unauthorized)
            }
        }
        let path = request.uri.path
        if path.hasPrefix("/api/models/\(Self.id)/revision/") {
            let names = behaviour.listed ?? files.keys.sorted()
            let reply: [String: Any] = [
                "id": Self.id, "sha": behaviour.commit, "siblings": names.map { ["rfilename": $0] },
            ]
            return Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: reply))))
        }
        guard path.hasPrefix("/\(Self.id)/resolve/"), let name = path.split(separator: "/").last.map(String.init),
            let data = files[name]
        else { return Response(status: .notFound) }
        return try await file(name, data, request, isAway: isAway)
    }

    private func file(_ name: String, _ data: Data, _ request: Request, isAway: Bool) async throws -> Response {
        let isLarge = name.hasSuffix(".safetensors") || name.hasSuffix(".bin")
        var headers = HTTPFields()
        headers[.init("X-Repo-Commit")!] = behaviour.commit
        headers[.eTag] = "\"\(behaviour.etag ?? Self.etag(data, isLarge: isLarge))\""
        let size = isLarge ? behaviour.statedSize ?? data.count : data.count
        if isLarge {
            headers[.init("X-Linked-ETag")!] = headers[.eTag]
            headers[.init("X-Linked-Size")!] = "\(size)"
            if !isAway, behaviour.redirects {
                // The hub's own host by another name, so that a client which forwards the token is found out.
                headers[.location] = behaviour.location ?? "http://localhost:\(ports.away)\(request.uri.path)"
                return Response(status: .found, headers: headers)
            }
        }
        if request.method == .head {
            headers[.contentLength] = "\(size)"
            return Response(status: .ok, headers: headers, body: ResponseBody(contentLength: size) { _ in })
        }
        if isLarge, let gate { for await _ in gate {} }
        return contents(name, data, request, headers, isLarge: isLarge)
    }

    private func contents(
        _ name: String, _ data: Data, _ request: Request, _ headers: HTTPFields, isLarge: Bool
    ) -> Response {
        var headers = headers
        var data = data
        if behaviour.flawed.contains(name) { data[data.count / 2] ^= 1 }
        var part = 0..<data.count
        var status = HTTPResponse.Status.ok
        if behaviour.knowsRanges, let range = request.headers[.range]?.wholeMatch(of: /bytes=(\d+)-(\d+)/),
            let first = Int(range.1), let last = Int(range.2), first <= last, last < data.count
        {
            part = first..<last + 1
            status = .partialContent
            headers[.contentRange] = "bytes \(first)-\(last)/\(data.count)"
        }
        let bytes = ByteBuffer(bytes: data[part])
        guard isLarge, let cut = behaviour.cut, cut.times > 0, cut.bytes < bytes.readableBytes else {
            return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: bytes))
        }
        behaviour.cut?.times -= 1
        let start = bytes.getSlice(at: bytes.readerIndex, length: cut.bytes) ?? ByteBuffer()
        let body = ResponseBody(contentLength: bytes.readableBytes) { writer in
            try await writer.write(start)
            throw CancellationError()
        }
        return Response(status: status, headers: headers, body: body)
    }

    /// The sha256 of a large file, git's id of a small one.
    public static func etag(_ data: Data, isLarge: Bool) -> String {
        let digest: [UInt8] =
            isLarge
            ? Array(SHA256.hash(data: data)) : Array(Insecure.SHA1.hash(data: Data("blob \(data.count)\0".utf8) + data))
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The files of a small model, whose weights are of a size.
    public static func model(weights: Int = 1000) -> [String: Data] {
        [
            "config.json": Data(#"{"model_type":"llama"}"#.utf8),
            "tokenizer.json": Data(#"{"model":{}}"#.utf8),
            "README.md": Data("# Tiny".utf8),
            "model.safetensors": bytes(weights, seed: 1),
            "pytorch_model.bin": bytes(1000, seed: 2),
            "flax_model.msgpack": bytes(1000, seed: 3),
        ]
    }

    /// Bytes that no two parts have alike.
    public static func bytes(_ count: Int, seed: UInt32) -> Data {
        var state = seed &* 2_654_435_761 | 1
        // A prime, so that the repetitions begin nowhere where a part does.
        let block = Data(
            (0..<min(count, 65_521)).map { _ in
                state = state &* 1_664_525 &+ 1_013_904_223
                return UInt8(truncatingIfNeeded: state >> 24)
            })
        var bytes = Data(capacity: count)
        while bytes.count < count { bytes += block.prefix(count - bytes.count) }
        return bytes
    }
}
