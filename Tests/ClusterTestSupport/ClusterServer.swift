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

    private enum Upgrade: Sendable {
        case exec(NIOAsyncChannel<WebSocketFrame, WebSocketFrame>, uri: String)
        case http(HTTPChannel)
        /// NIO hands nothing on of a request whose upgrade is refused.
        case refused(HTTPChannel, HTTPRequestHead)
    }

    /// Apart from the loops of clients, so that neither waits for the other's work.
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 4)

    let state: ClusterState
    /// `nil` where the cluster has no agent-sandbox.
    let sandboxes: SandboxController?
    let port: Int
    private let channel: NIOAsyncChannel<EventLoopFuture<Upgrade>, Never>

    init(state: ClusterState, sandboxes: SandboxController?, folder: String) async throws {
        self.state = state
        self.sandboxes = sandboxes
        let chain = try NIOSSLCertificate.fromPEMFile("\(folder)/cert.pem").map {
            NIOSSLCertificateSource.certificate($0)
        }
        let key = try NIOSSLPrivateKey(file: "\(folder)/key.pem", format: .pem)
        let context = try NIOSSLContext(
            configuration: .makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key)))
        channel = try await ServerBootstrap(group: Self.group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    let refusedHead = NIOLockedValueBox<HTTPRequestHead?>(nil)
                    let upgrader = NIOTypedWebSocketServerUpgrader<Upgrade>(maxFrameSize: 1 << 20) { channel, head in
                        refusedHead.withLockedValue { $0 = head }
                        return Self.shouldUpgrade(channel, head, state)
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
                                return refusedHead.withLockedValue { $0 }.map { .refused(http, $0) } ?? .http(http)
                            }
                        })
                    // It would read nothing during a watch, and so not see that the client goes.
                    configuration.enablePipelining = false
                    return try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
                        configuration: configuration)
                }
            }
        port = channel.channel.localAddress?.port ?? 0
    }

    func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            try await channel.executeThenClose { inbound in
                for try await upgrade in inbound {
                    group.addTask {
                        switch try? await upgrade.get() {
                        case .exec(let channel, let uri): try? await exec(channel, uri)
                        case .http(let channel): try? await serve(channel)
                        case .refused(let channel, let head):
                            try? await channel.executeThenClose { try await respond(to: head, ByteBuffer(), $1) }
                        case nil: break
                        }
                    }
                }
            }
        }
    }

    // MARK: - Exec

    private static func shouldUpgrade(
        _ channel: any Channel, _ head: HTTPRequestHead, _ state: ClusterState
    ) -> EventLoopFuture<HTTPHeaders?> {
        let offered = head.headers[canonicalForm: "sec-websocket-protocol"].map(String.init)
        let known = ["v5.channel.k8s.io", "v4.channel.k8s.io"].first(where: offered.contains)
        return channel.eventLoop.makeFutureWithTask {
            guard isAuthorized(head), let known, let target = target(head.uri),
                await state.process(target.pod)?.root(of: target.container) != nil
            else { return nil }
            return ["sec-websocket-protocol": known]
        }
    }

    private static func isAuthorized(_ head: HTTPRequestHead) -> Bool {
        head.headers.first(name: "authorization") == "Bearer \(TestCluster.token)"
    }

    private static func target(_ uri: String) -> (pod: String, container: String, command: [String])? {
        guard let parts = URLComponents(string: uri) else { return nil }
        let path = parts.path.split(separator: "/").map(String.init)
        guard path.count == 7, path.prefix(3) == ["api", "v1", "namespaces"], path[6] == "exec" else { return nil }
        let items = parts.queryItems ?? []
        return (
            path[5], items.first { $0.name == "container" }?.value ?? "main",
            items.filter { $0.name == "command" }.compactMap(\.value)
        )
    }

    private func exec(_ channel: NIOAsyncChannel<WebSocketFrame, WebSocketFrame>, _ uri: String) async throws {
        await state.note("EXEC")
        guard let target = Self.target(uri), let pod = await state.process(target.pod) else { return }
        try await channel.executeThenClose { inbound, outbound in
            let (input, bytes) = AsyncStream.makeStream(of: ByteBuffer.self)
            let connection = channel.channel
            @Sendable func send(_ stream: UInt8, _ data: [UInt8]) async {
                for start in stride(from: 0, to: max(data.count, 1), by: 32_768) {
                    let part = data[start..<min(start + 32_768, data.count)]
                    let frame = WebSocketFrame(fin: true, opcode: .binary, data: ByteBuffer(bytes: [stream] + part))
                    // Waited for each time, as a loop that always has something to write comes to no reading.
                    try? await connection.writeAndFlush(frame)
                }
            }
            await send(1, [])
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for try await frame in inbound {
                        var data = frame.unmaskedData
                        switch frame.opcode {
                        case .binary:
                            let channel = data.readInteger(as: UInt8.self)
                            if channel == 0 { bytes.yield(data) } else if channel == 255 { bytes.finish() }
                        case .ping: try await outbound.write(WebSocketFrame(fin: true, opcode: .pong, data: data))
                        case .connectionClose: return bytes.finish()
                        default: break
                        }
                    }
                    bytes.finish()
                }
                let code = try? await pod.exec(target.command, in: target.container, input: input, send)
                let status: ManifestValue =
                    switch code {
                    case 0: ["metadata": [:], "status": "Success"]
                    case let code?:
                        [
                            "metadata": [:], "status": "Failure", "reason": "NonZeroExitCode",
                            "details": ["causes": [["reason": "ExitCode", "message": .string("\(code)")]]],
                        ]
                    case nil:
                        ["metadata": [:], "status": "Failure", "reason": "InternalError", "message": "no process"]
                    }
                await send(3, Array(try JSONEncoder().encode(status)))
                var code1000 = ByteBuffer()
                code1000.writeInteger(UInt16(1000))
                try? await outbound.write(WebSocketFrame(fin: true, opcode: .connectionClose, data: code1000))
                // The client closes when it has read everything; who closes first may cut off what is on its way.
                group.addTask { try await Task.sleep(for: .seconds(30)) }
                try? await group.next()
                group.cancelAll()
            }
        }
    }

    // MARK: - HTTP

    private func serve(_ channel: HTTPChannel) async throws {
        try await channel.executeThenClose { inbound, outbound in
            var head: HTTPRequestHead?
            var body = ByteBuffer()
            for try await part in inbound {
                switch part {
                case .head(let new): (head, body) = (new, ByteBuffer())
                case .body(let bytes): body.writeImmutableBuffer(bytes)
                case .end: if let head { try await respond(to: head, body, outbound) }
                }
            }
        }
    }

    typealias Writer = NIOAsyncChannelOutboundWriter<HTTPPart<HTTPResponseHead, ByteBuffer>>

    private func respond(to head: HTTPRequestHead, _ body: ByteBuffer, _ out: Writer) async throws {
        guard let parts = URLComponents(string: head.uri) else { return }
        let path = parts.path.split(separator: "/").map(String.init)
        let query = Dictionary((parts.queryItems ?? []).map { ($0.name, $0.value ?? "") }) { $1 }
        guard Self.isAuthorized(head) else { return try await fail(401, "Unauthorized", "Unauthorized", out) }
        if let known = try await discover(head.method, path, Data(body.readableBytesView)) {
            return try await answer(known.1, status: known.status, out)
        }
        if let sandboxes, let kind = SandboxController.Kind(path: path) {
            return try await respond(head.method, kind, path, query, Data(body.readableBytesView), sandboxes, out)
        }
        guard path.count >= 5, path[4] == "pods" || path[4] == "events" else {
            return try await fail(404, "NotFound", "the server could not find the requested resource", out)
        }
        let name = path.count > 5 ? path[5] : nil
        let selector = Self.selector(query)
        await state.note("\(query["watch"] == "true" ? "WATCH" : head.method.rawValue) \(path[4])")
        if path.count == 7 { return try await answer(500, text: "container not found (\"main\")", out) }
        if path[4] == "events" { return try await answer(["metadata": [:], "items": []], out) }
        switch (head.method, name) {
        case (.GET, nil) where query["watch"] == "true": try await watch(query, selector, out)
        case (.GET, nil):
            let list = await state.list(selector)
            try await answer(
                ["metadata": ["resourceVersion": .string("\(list.version)")], "items": .list(list.items)], out)
        case (.GET, let name?):
            guard let pod = await state.pod(name) else { return try await notFound(name, out) }
            try await answer(pod, out)
        case (.POST, nil):
            let object = try JSONDecoder().decode(ManifestValue.self, from: Data(body.readableBytesView))
            if let violation = Self.violation(object) {
                return try await fail(403, "Forbidden", "violates PodSecurity \"restricted\": \(violation)", out)
            }
            let name = object["metadata"]?["name"]?.string ?? ""
            guard let pod = await state.create(object, name: name) else {
                return try await fail(409, "AlreadyExists", "pods \"\(name)\" already exists", out)
            }
            try await answer(pod, status: 201, out)
        case (.DELETE, let name?):
            guard let pod = await state.delete(name) else { return try await notFound(name, out) }
            try await answer(pod, out)
        default: try await fail(405, "MethodNotAllowed", "not supported", out)
        }
    }

    static func selector(_ query: [String: String]) -> @Sendable (ManifestValue) -> Bool {
        let name = query["fieldSelector"].map { String($0.dropFirst("metadata.name=".count)) }
        let label = query["labelSelector"]?.split(separator: "=", maxSplits: 1).map(String.init) ?? []
        return { object in
            (name == nil || object["metadata"]?["name"]?.string == name)
                && (label.count < 2 || object["metadata"]?["labels"]?[label[0]]?.string == label[1])
        }
    }

    private func watch(
        _ query: [String: String], _ selector: @Sendable (ManifestValue) -> Bool, _ out: Writer
    ) async throws {
        try await out.write(
            .head(HTTPResponseHead(version: .http1_1, status: .ok, headers: ["content-type": "application/json"])))
        func line(_ value: ManifestValue) async throws {
            try await out.write(.body(ByteBuffer(bytes: try JSONEncoder().encode(value) + Data("\n".utf8))))
        }
        if let events = await state.watch(after: Int(query["resourceVersion"] ?? "") ?? 0) {
            let bookmark = await state.currentVersion
            try await line(["type": "BOOKMARK", "object": ["metadata": ["resourceVersion": .string("\(bookmark)")]]])
            for await event in events where selector(event.object) {
                try await line(["type": .string(event.type), "object": event.object])
            }
        } else {
            try await line(["type": "ERROR", "object": ["code": 410, "reason": "Expired", "message": "too old"]])
        }
        try await out.write(.end(nil))
    }

    /// What of the restricted pod-security standard a pod breaks.
    static func violation(_ pod: ManifestValue) -> String? {
        let spec = pod["spec"]
        for container in spec?["containers"]?.list ?? [] {
            let context = container["securityContext"]
            if context?["allowPrivilegeEscalation"]?.bool != false { return "allowPrivilegeEscalation != false" }
            if context?["capabilities"]?["drop"]?.list?.contains("ALL") != true { return "unrestricted capabilities" }
            if (context?["runAsNonRoot"] ?? spec?["securityContext"]?["runAsNonRoot"])?.bool != true {
                return "runAsNonRoot != true"
            }
            let profile = context?["seccompProfile"] ?? spec?["securityContext"]?["seccompProfile"]
            if profile?["type"]?.string != "RuntimeDefault" { return "seccompProfile" }
        }
        return nil
    }

    private func notFound(_ name: String, _ out: Writer) async throws {
        try await fail(404, "NotFound", "pods \"\(name)\" not found", out)
    }

    func fail(_ status: Int, _ reason: String, _ message: String, _ out: Writer) async throws {
        try await answer(
            [
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": .string(reason),
                "message": .string(message), "code": .integer(Int64(status)),
            ], status: status, out)
    }

    func answer(_ value: ManifestValue, status: Int = 200, _ out: Writer) async throws {
        try await answer(status, text: String(decoding: try JSONEncoder().encode(value), as: UTF8.self), out)
    }

    private func answer(_ status: Int, text: String, _ out: Writer) async throws {
        let headers: HTTPHeaders = ["content-type": "application/json", "content-length": "\(text.utf8.count)"]
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
