import Foundation
import KubernetesClient
import NIOConcurrencyHelpers
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket

/// The HTTP and WebSocket side of a test cluster.
struct ClusterServer: Sendable {
    typealias HTTPChannel = NIOAsyncChannel<HTTPServerRequestPart, HTTPPart<HTTPResponseHead, ByteBuffer>>

    enum Upgrade: Sendable {
        case exec(NIOAsyncChannel<WebSocketFrame, WebSocketFrame>, uri: String)
        case http(HTTPChannel, Peer)
        /// NIO hands nothing on of a request whose upgrade is refused.
        case refused(HTTPChannel, Refusal)
    }

    /// Apart from the loops of clients, so that neither waits for the other's work.
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 4)

    let state: ClusterState
    let faults: ClusterFaults
    /// `nil` where the cluster has no agent-sandbox.
    let sandboxes: SandboxController?
    let port = ClusterPort()

    init(
        state: ClusterState, faults: ClusterFaults, sandboxes: SandboxController?, folder: String
    ) async throws {
        self.state = state
        self.faults = faults
        self.sandboxes = sandboxes
        let chain = try NIOSSLCertificate.fromPEMFile("\(folder)/cert.pem").map {
            NIOSSLCertificateSource.certificate($0)
        }
        let key = try NIOSSLPrivateKey(file: "\(folder)/key.pem", format: .pem)
        var tls = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key))
        // Clients may show a certificate of the cluster's authority instead of a token.
        tls.certificateVerification = .optionalVerification
        tls.trustRoots = .file("\(folder)/ca.pem")
        tls.shutdownTimeout = .seconds(1)
        let context = try NIOSSLContext(configuration: tls)
        let connections = port.connections
        try await port.open { number in
            try await ServerBootstrap(group: Self.group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
                .bind(host: "127.0.0.1", port: number) { channel in
                    connections.add(channel)
                    return channel.eventLoop.makeCompletedFuture { try Self.prepare(channel, context, state, faults) }
                }
        }
    }

    private static func prepare(
        _ channel: any Channel, _ context: NIOSSLContext, _ state: ClusterState, _ faults: ClusterFaults
    ) throws -> EventLoopFuture<Upgrade> {
        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
        let refusal = NIOLockedValueBox<Refusal?>(nil)
        let upgrader = NIOTypedWebSocketServerUpgrader<Upgrade>(maxFrameSize: 1 << 20) { channel, head in
            let peer = Peer(channel)
            return channel.eventLoop.makeFutureWithTask {
                let found = await refusalOfExec(head, peer, state, faults)
                refusal.withLockedValue { $0 = found }
                return found == nil ? subprotocol(head).map { ["sec-websocket-protocol": $0] } : nil
            }
        } upgradePipelineHandler: { channel, head in
            channel.eventLoop.makeCompletedFuture {
                .exec(try NIOAsyncChannel(wrappingChannelSynchronously: channel), uri: head.uri)
            }
        }
        var configuration = NIOUpgradableHTTPServerPipelineConfiguration(
            upgradeConfiguration: .init(upgraders: [upgrader]) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(HTTPByteBufferResponsePartHandler())
                    let http = try HTTPChannel(wrappingChannelSynchronously: channel)
                    return refusal.withLockedValue { $0 }.map { .refused(http, $0) } ?? .http(http, Peer(channel))
                }
            })
        // It would read nothing during a watch, and so not see that the client goes.
        configuration.enablePipelining = false
        return try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(configuration: configuration)
    }

    func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for await listener in port.listeners {
                try await listener.executeThenClose { inbound in
                    for try await upgrade in inbound {
                        group.addTask {
                            switch try? await upgrade.get() {
                            case .exec(let channel, let uri): try? await exec(channel, uri)
                            case .http(let channel, let peer): try? await serve(channel, peer)
                            case .refused(let channel, let refusal):
                                try? await channel.executeThenClose { try await refuse(refusal, $1) }
                            case nil: break
                            }
                        }
                    }
                }
            }
        }
    }

    // MARK: - HTTP

    private func serve(_ channel: HTTPChannel, _ peer: Peer) async throws {
        try await channel.executeThenClose { inbound, outbound in
            var head: HTTPRequestHead?
            var body = ByteBuffer()
            for try await part in inbound {
                switch part {
                case .head(let new): (head, body) = (new, ByteBuffer())
                case .body(let bytes): body.writeImmutableBuffer(bytes)
                case .end: if let head { try await respond(to: head, body, peer, outbound) }
                }
            }
        }
    }

    typealias Writer = NIOAsyncChannelOutboundWriter<HTTPPart<HTTPResponseHead, ByteBuffer>>

    private func respond(to head: HTTPRequestHead, _ body: ByteBuffer, _ peer: Peer, _ out: Writer) async throws {
        guard let parts = URLComponents(string: head.uri) else { return }
        let path = parts.path.split(separator: "/").map(String.init)
        var query = Dictionary((parts.queryItems ?? []).map { ($0.name, $0.value ?? "") }) { $1 }
        // Other languages write it with a capital.
        query["watch"] = query["watch"]?.lowercased()
        if let refusal = await Self.refusal(of: head, peer, state, faults) { return try await refuse(refusal, out) }
        let bytes = Data(body.readableBytesView)
        if let known = try await discover(head.method, path, bytes) {
            return try await answer(known.1, status: known.status, out)
        }
        if let sandboxes, let kind = SandboxController.Kind(path: path) {
            return try await respond(head.method, kind, path, query, bytes, sandboxes, out)
        }
        guard path.count >= 5, path[4] == "pods" || path[4] == "events" else {
            return try await fail(404, "NotFound", "the server could not find the requested resource", out)
        }
        let resource = path[4] + (path.count > 6 ? "/\(path[6])" : "")
        await state.note("\(query["watch"] == "true" ? "WATCH" : head.method.rawValue) \(resource)")
        if path[4] == "events" {
            return try await answer(["kind": "EventList", "apiVersion": "v1", "metadata": [:], "items": []], out)
        }
        try await respondAboutPods(head.method, Array(path.dropFirst(5)), query, bytes, out)
    }

    // MARK: - Answers

    func refuse(_ refusal: Refusal, _ out: Writer) async throws {
        guard let reason = refusal.reason else { return try await answer(refusal.status, text: refusal.message, out) }
        try await fail(refusal.status, reason, refusal.message, retryAfter: refusal.retryAfter, out)
    }

    func fail(
        _ status: Int, _ reason: String, _ message: String, retryAfter: Int? = nil, _ out: Writer
    ) async throws {
        let body: ManifestValue = [
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure", "reason": .string(reason),
            "message": .string(message), "code": .integer(Int64(status)),
        ]
        var headers: HTTPHeaders = ["content-type": "application/json"]
        if let retryAfter { headers.add(name: "retry-after", value: "\(retryAfter)") }
        try await answer(status, text: Self.json(body), headers: headers, out)
    }

    func answer(_ value: ManifestValue, status: Int = 200, _ out: Writer) async throws {
        try await answer(status, text: Self.json(value), headers: ["content-type": "application/json"], out)
    }

    private static func json(_ value: ManifestValue) throws -> String {
        String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
    }

    func answer(_ status: Int, text: String, headers: HTTPHeaders = [:], _ out: Writer) async throws {
        var headers = headers
        headers.add(name: "content-length", value: "\(text.utf8.count)")
        try await out.write(
            .head(HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)))
        try await out.write(.body(ByteBuffer(string: text)))
        try await out.write(.end(nil))
    }
}

/// Lets responses be written as byte buffers.
private final class HTTPByteBufferResponsePartHandler: ChannelOutboundHandler {
    typealias OutboundIn = HTTPPart<HTTPResponseHead, ByteBuffer>
    typealias OutboundOut = HTTPServerResponsePart

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head): context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body(let bytes): context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: promise)
        case .end(let trailers): context.write(wrapOutboundOut(.end(trailers)), promise: promise)
        }
    }
}
