import NIOConcurrencyHelpers
import NIOCore

/// The port that a server listens on, and the connections that came through it. It can be closed for a while.
actor ClusterPort {
    typealias Listener = NIOAsyncChannel<EventLoopFuture<ClusterServer.Upgrade>, Never>

    /// Those that listen, one after the other.
    nonisolated let listeners: AsyncStream<Listener>
    nonisolated let connections = ClusterConnections()
    private let next: AsyncStream<Listener>.Continuation
    private var bind: (@Sendable (_ port: Int) async throws -> Listener)?
    private var listener: Listener?
    private(set) var number = 0
    var isOpen: Bool { listener != nil }

    init() { (listeners, next) = AsyncStream.makeStream() }

    /// Listens for the first time, on a port that is free.
    func open(_ bind: @escaping @Sendable (_ port: Int) async throws -> Listener) async throws {
        self.bind = bind
        try await open()
    }

    /// Listens, on the same port as before.
    func open() async throws {
        guard let listener = try await bind?(number) else { return }
        self.listener = listener
        number = listener.channel.localAddress?.port ?? 0
        next.yield(listener)
    }

    /// Refuses connections and breaks off those there are.
    func close() async {
        try? await listener?.channel.close()
        listener = nil
        connections.cutAll()
    }
}

/// The open connections of a server.
struct ClusterConnections: Sendable {
    private let channels = NIOLockedValueBox<[ObjectIdentifier: any Channel]>([:])

    func add(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        channels.withLockedValue { $0[id] = channel }
        channel.closeFuture.whenComplete { _ in channels.withLockedValue { $0[id] = nil } }
    }

    /// Ends all of them without a word.
    func cutAll() {
        for channel in channels.withLockedValue({ Array($0.values) }) { channel.close(promise: nil) }
    }
}
