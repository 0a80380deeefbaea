internal import Foundation
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import NIOWebSocket

extension KubernetesClient {
    /// Runs a command in a container of a pod, without a terminal, and talks with it for as long as `body` runs.
    ///
    /// The end of the connection does not end the command: who wants that has to kill it inside.
    ///
    /// - Parameters:
    ///   - hasInput: Whether the command gets what ``ExecSession/write(_:)`` writes; else its input is empty.
    /// - Throws: What the body throws, ``KubernetesError``, or `CancellationError`.
    public func exec<Result: Sendable>(
        _ pod: String, container: String, _ command: [String], hasInput: Bool = false,
        _ body: @escaping @Sendable (ExecSession) async throws -> Result
    ) async throws -> Result {
        let query =
            [("container", container), ("stdout", "true"), ("stderr", "true")]
            + (hasInput ? [("stdin", "true")] : []) + command.map { ("command", $0) }
        let uri = path(.pods, pod) + "/exec" + Self.query(query.map { ($0.0, Optional($0.1)) })
        let connection = try await KubernetesRetry.run { try await connect(uri) }
        return try await connection.channel.executeThenClose { inbound, outbound in
            try await body(
                ExecSession(subprotocol: connection.subprotocol, inbound: inbound, outbound: outbound))
        }
    }

    private func connect(_ uri: String) async throws -> ExecConnection {
        let purpose = "running a command in a pod"
        var isRenewed = false
        while true {
            let current = try await credentials.get()
            let refusal: KubernetesError
            do {
                switch try await handshake(uri, current, purpose) {
                case .success(let connection): return connection
                case .failure(let error): refusal = error
                }
            } catch let error as KubernetesError {
                throw error
            } catch {
                try Task.checkCancellation()
                throw KubernetesError(connection: error, purpose: purpose)
            }
            guard refusal.kind == .status(401), !isRenewed, credentials.canRenew else { throw refusal }
            isRenewed = true
            await credentials.refuse(current)
        }
    }

    private func handshake(
        _ uri: String, _ current: ClusterCredentials.Current, _ purpose: String
    ) async throws -> Result<ExecConnection, KubernetesError> {
        guard let server = URLComponents(string: access.server), let host = server.host else {
            throw KubernetesError(.configuration, "The cluster's server is no URL.")
        }
        let isSecure = server.scheme == "https"
        let context = isSecure ? try await credentials.sslContext(current.tls) : nil
        // URLs hold the addresses of IPv6 in brackets; sockets want them without.
        let address = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        let name = access.serverName ?? address
        let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
        var headers: HTTPHeaders = [
            "host": server.port.map { "\(host):\($0)" } ?? host,
            "sec-websocket-protocol": "v5.channel.k8s.io, v4.channel.k8s.io",
            "user-agent": "swe-agent",
            "content-length": "0",
        ]
        if let authorization = current.authorization { headers.add(name: "authorization", value: authorization) }
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: (server.path) + uri, headers: headers)

        let attempt = ConnectionAttempt()
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(15))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
        let port = server.port ?? (isSecure ? 443 : 80)
        let prepare = { @Sendable (channel: any Channel) in
            attempt.begin(channel)
            return channel.eventLoop.makeCompletedFuture {
                if let context {
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : name))
                }
                var configuration = NIOUpgradableHTTPClientPipelineConfiguration(
                    upgradeConfiguration: NIOTypedHTTPClientUpgradeConfiguration(
                        upgradeRequestHead: head, upgraders: [ExecUpgrader()]
                    ) { channel in
                        channel.eventLoop.makeCompletedFuture {
                            .refused(try NIOAsyncChannel(wrappingChannelSynchronously: channel))
                        }
                    })
                // A command's first words, or all of them, may come together with the answer to the upgrade.
                configuration.leftOverBytesStrategy = .forwardBytes
                return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
                    configuration: configuration)
            }
        }
        // The cluster's own pods know it by an address, for which nobody has to be asked.
        let upgrade =
            if let socket = try? SocketAddress(ipAddress: address, port: port) {
                try await bootstrap.connect(to: socket, channelInitializer: prepare)
            } else {
                try await bootstrap.connect(host: address, port: port, channelInitializer: prepare)
            }
        // What was made is handed on even if the task is cancelled by now, so that who gets it can close it.
        defer { attempt.end() }
        switch try await withTaskCancellationHandler(operation: upgrade.get, onCancel: attempt.close) {
        case .upgraded(let connection): return .success(connection)
        case .refused(let channel): return .failure(try await Self.refusal(channel, purpose))
        }
    }

    private static func refusal(
        _ channel: NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>, _ purpose: String
    ) async throws -> KubernetesError {
        try await channel.executeThenClose { inbound, _ in
            var status = 0
            var headers = HTTPHeaders()
            var body = ByteBuffer()
            reading: for try await part in inbound {
                switch part {
                case .head(let head): (status, headers) = (Int(head.status.code), head.headers)
                case .body(let bytes): if body.readableBytes < 1 << 20 { body.writeImmutableBuffer(bytes) }
                case .end: break reading
                }
            }
            var error = KubernetesError(status: status, headers: headers, body: body, purpose: purpose)
            // This comes as an error of the server, but no later attempt will find a container that has ended.
            if status == 500, error.message.contains("container not found") { error.reason = "ContainerNotFound" }
            return error
        }
    }
}

private struct ExecConnection: Sendable {
    var channel: NIOAsyncChannel<WebSocketFrame, ByteBuffer>
    var subprotocol: String
}

private enum ExecHandshake: Sendable {
    case upgraded(ExecConnection)
    case refused(NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>)
}

/// Makes a connection one of WebSocket's, on which frames come as such and go as bytes of ``WebSocketClientFrame``.
private struct ExecUpgrader: NIOTypedHTTPClientProtocolUpgrader {
    /// Its part of the handshake is used; the pipeline that it makes would encode frames a second time.
    private let handshake = NIOWebSocketClientUpgrader { channel, _ in channel.eventLoop.makeSucceededVoidFuture() }

    var supportedProtocol: String { handshake.supportedProtocol }
    var requiredUpgradeHeaders: [String] { handshake.requiredUpgradeHeaders }

    func addCustom(upgradeRequestHeaders: inout HTTPHeaders) {
        handshake.addCustom(upgradeRequestHeaders: &upgradeRequestHeaders)
    }

    func shouldAllowUpgrade(upgradeResponse: HTTPResponseHead) -> Bool {
        handshake.shouldAllowUpgrade(upgradeResponse: upgradeResponse)
    }

    func upgrade(channel: any Channel, upgradeResponse: HTTPResponseHead) -> EventLoopFuture<ExecHandshake> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: 1 << 20)))
            try pipeline.addHandler(WebSocketKeepAlive())
            try pipeline.addHandler(
                NIOWebSocketFrameAggregator(
                    minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 4096, maxAccumulatedFrameSize: 16 << 20))
            return .upgraded(
                ExecConnection(
                    channel: try NIOAsyncChannel(wrappingChannelSynchronously: channel),
                    subprotocol: upgradeResponse.headers.first(name: "sec-websocket-protocol") ?? ""))
        }
    }
}

/// A connection that is being made, which ends when that takes too long: a handshake may never be answered.
private struct ConnectionAttempt: Sendable {
    private static let timeout = TimeAmount.seconds(30)

    private let state = NIOLockedValueBox<(channel: any Channel, timeout: Scheduled<Void>)?>(nil)

    func begin(_ channel: any Channel) {
        let timeout = channel.eventLoop.scheduleTask(in: Self.timeout) { channel.close(promise: nil) }
        state.withLockedValue { $0 = (channel, timeout) }
    }

    func end() { state.withLockedValue { $0 }?.timeout.cancel() }

    func close() { state.withLockedValue { $0 }?.channel.close(promise: nil) }
}

/// Asks the other side for a sign of life, and closes the connection when it gives none.
///
/// A command may be silent for hours, and balancers on the way drop connections that are.
private final class WebSocketKeepAlive: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let period = TimeAmount.seconds(20)

    private var task: RepeatedTask?
    /// The signs that were asked for since the last one.
    private var asked = 0
    /// Whether anything would be read that comes. It is not while the reader is busy with what has come.
    private var isReading = false

    func handlerAdded(context: ChannelHandlerContext) {
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        let this = NIOLoopBound(self, eventLoop: context.value.eventLoop)
        task = context.value.eventLoop.scheduleRepeatedTask(initialDelay: Self.period, delay: Self.period) { _ in
            this.value.ask(context.value)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { task?.cancel() }

    func channelInactive(context: ChannelHandlerContext) {
        task?.cancel()
        context.fireChannelInactive()
    }

    func read(context: ChannelHandlerContext) {
        isReading = true
        context.read()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        context.fireChannelReadComplete()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        asked = 0
        if unwrapInboundIn(data).opcode != .pong { context.fireChannelRead(data) }
    }

    private func ask(_ context: ChannelHandlerContext) {
        guard asked < 4 else { return context.close(promise: nil) }
        // Its silence tells nothing of a server that is not listened to.
        guard isReading else { return }
        asked += 1
        context.writeAndFlush(wrapOutboundOut(WebSocketClientFrame.encoded(.ping)), promise: nil)
    }
}
