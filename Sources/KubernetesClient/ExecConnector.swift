internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import NIOWebSocket

/// Makes the connections of commands, of which each needs its own, and one ahead: the next command then waits for no
/// handshake of TCP and TLS, which are two round trips to the cluster and the dearest computing of a short command.
struct ExecConnector: Sendable {
    /// Where connections lead.
    struct Place: Sendable {
        var address: String
        var port: Int
        /// The name that TLS asks for and checks; `nil` for the address.
        var name: String?
        /// `nil` for a server without TLS.
        var context: NIOSSLContext?
    }

    private enum Spare {
        case none, beingMade
        case ready(any Channel, NIOSSLContext?)
        /// No more are made.
        case closed
    }

    /// How long the spare one is kept: servers close connections on which no request comes, kube-apiserver after 32 s.
    private static let age = TimeAmount.seconds(20)

    private let spare = NIOLockedValueBox(Spare.none)

    /// Asks for a WebSocket with a request, on the connection that was made ahead or a new one.
    func connect(to place: Place, _ head: HTTPRequestHead) async throws -> ExecHandshake {
        if let channel = takeSpare(place.context), let handshake = try await upgrade(spare: channel, head) {
            makeSpare(place)
            return handshake
        }
        let attempt = ConnectionAttempt()
        let upgrade = Self.open(place) { attempt.begin($0) }.flatMap { Self.upgrade($0, head) }
        // What was made is handed on even if the task is cancelled by now, so that who gets it can close it.
        defer { attempt.end() }
        let handshake = try await withTaskCancellationHandler(operation: upgrade.get, onCancel: attempt.close)
        makeSpare(place)
        return handshake
    }

    /// Ends the spare connection; no other is made.
    func close() {
        let last = spare.withLockedValue { spare in
            defer { spare = .closed }
            return spare
        }
        if case .ready(let channel, _) = last { channel.close(promise: nil) }
    }

    // MARK: - The spare connection

    private func takeSpare(_ context: NIOSSLContext?) -> (any Channel)? {
        let taken = spare.withLockedValue { spare -> (channel: any Channel, context: NIOSSLContext?)? in
            guard case .ready(let channel, let context) = spare else { return nil }
            spare = .none
            return (channel, context)
        }
        guard let taken else { return nil }
        if taken.channel.isActive, taken.context === context { return taken.channel }
        // The credentials have changed since.
        taken.channel.close(promise: nil)
        return nil
    }

    /// - Returns: `nil` where the connection has broken; as it was idle, most likely before the request came.
    private func upgrade(spare channel: any Channel, _ head: HTTPRequestHead) async throws -> ExecHandshake? {
        let attempt = ConnectionAttempt()
        attempt.begin(channel)
        defer { attempt.end() }
        let upgrade = channel.eventLoop.flatSubmit { Self.upgrade(channel, head) }
        do {
            return try await withTaskCancellationHandler(operation: upgrade.get, onCancel: attempt.close)
        } catch {
            try Task.checkCancellation()
            return nil
        }
    }

    private func makeSpare(_ place: Place) {
        let isWanted = spare.withLockedValue { spare in
            guard case .none = spare else { return false }
            spare = .beingMade
            return true
        }
        guard isWanted else { return }
        Self.open(place) { _ in }.whenComplete { result in
            guard case .success(let channel) = result else {
                return spare.withLockedValue { if case .beingMade = $0 { $0 = .none } }
            }
            let isKept = spare.withLockedValue { spare in
                guard case .beingMade = spare else { return false }
                spare = .ready(channel, place.context)
                return true
            }
            guard isKept else { return channel.close(promise: nil) }
            let end = channel.eventLoop.scheduleTask(in: Self.age) { drop(channel) }
            channel.closeFuture.whenComplete { _ in
                end.cancel()
                drop(channel)
            }
        }
    }

    /// Ends a connection, unless it is in use by now.
    private func drop(_ channel: any Channel) {
        let isSpare = spare.withLockedValue { spare in
            guard case .ready(let ready, _) = spare, ready === channel else { return false }
            spare = .none
            return true
        }
        if isSpare { channel.close(promise: nil) }
    }

    // MARK: - Pipelines

    private static func open(
        _ place: Place, _ onMade: @escaping @Sendable (any Channel) -> Void
    ) -> EventLoopFuture<any Channel> {
        let isAddress = (try? SocketAddress(ipAddress: place.name ?? place.address, port: 0)) != nil
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(15))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
            .channelInitializer { channel in
                onMade(channel)
                return channel.eventLoop.makeCompletedFuture {
                    guard let context = place.context else { return }
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(
                            context: context, serverHostname: isAddress ? nil : place.name ?? place.address))
                }
            }
        // The cluster's own pods know it by an address, for which nobody has to be asked.
        if let socket = try? SocketAddress(ipAddress: place.address, port: place.port) {
            return bootstrap.connect(to: socket)
        }
        return bootstrap.connect(host: place.address, port: place.port)
    }

    /// Sends the request on a connection of which it is the first; to be called on its event loop.
    private static func upgrade(_ channel: any Channel, _ head: HTTPRequestHead) -> EventLoopFuture<ExecHandshake> {
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
        do {
            return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
                configuration: configuration)
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
    }
}

struct ExecConnection: Sendable {
    var channel: NIOAsyncChannel<WebSocketFrame, ByteBuffer>
    var subprotocol: String
}

enum ExecHandshake: Sendable {
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
