internal import Foundation
public import NIOCore
internal import NIOWebSocket

/// A command that runs in a container, and the connection to it.
///
/// Frames are those of `v5.channel.k8s.io` and `v4.channel.k8s.io`: a byte that names the channel, then its data.
public struct ExecSession: Sendable {
    /// A piece of what the command wrote.
    public enum Output: Sendable {
        case standard(ByteBuffer)
        case error(ByteBuffer)
    }

    /// How a command ended.
    public enum Outcome: Sendable, Hashable {
        case exited(Int)
        /// It could not be started, or its end is not known; in the words of the cluster.
        case failed(String)
    }

    private enum Channel {
        static let input: UInt8 = 0
        static let output: UInt8 = 1
        static let errorOutput: UInt8 = 2
        static let status: UInt8 = 3
    }

    /// The bytes of input in one frame. Servers take no frame above their own limit, of which 1 MiB is the least known.
    private static let frameSize = 256 << 10

    /// Whether the end of input can be told (v5 only). Without it a command that reads to the end never ends.
    public let canCloseInput: Bool
    private let inbound: NIOAsyncChannelInboundStream<WebSocketFrame>
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>

    init(
        subprotocol: String, inbound: NIOAsyncChannelInboundStream<WebSocketFrame>,
        outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        canCloseInput = subprotocol == "v5.channel.k8s.io"
        self.inbound = inbound
        self.outbound = outbound
    }

    /// Writes to the command's standard input; waits while the other side takes nothing.
    public func write(_ bytes: [UInt8]) async throws {
        for start in stride(from: 0, to: bytes.count, by: Self.frameSize) {
            let end = min(start + Self.frameSize, bytes.count)
            try await send(
                bytes.withUnsafeBytes {
                    WebSocketClientFrame.encoded(.binary, channel: Channel.input, .init(rebasing: $0[start..<end]))
                })
        }
    }

    /// Ends the command's standard input, where the protocol can say so.
    public func closeInput() async throws {
        guard canCloseInput else { return }
        try await send([Channel.input].withUnsafeBytes { WebSocketClientFrame.encoded(.binary, channel: 255, $0) })
    }

    /// Hands on what the command writes until it ends. Call it once.
    ///
    /// - Throws: ``KubernetesError`` with kind `.unreachable` where the connection breaks before the end.
    public func receive(_ body: (Output) async throws -> Void) async throws -> Outcome {
        do {
            for try await frame in inbound {
                var data = frame.unmaskedData
                switch frame.opcode {
                case .binary, .text:
                    switch data.readInteger(as: UInt8.self) {
                    case Channel.output where data.readableBytes > 0: try await body(.standard(data))
                    case Channel.errorOutput where data.readableBytes > 0: try await body(.error(data))
                    case Channel.status: return Self.outcome(data)
                    default: break
                    }
                case .ping:
                    try await outbound.write(
                        data.withUnsafeReadableBytes { WebSocketClientFrame.encoded(.pong, $0) })
                case .connectionClose: throw KubernetesError.connectionLost
                default: break
                }
            }
        } catch let error as KubernetesError {
            throw error
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            try Task.checkCancellation()
            throw KubernetesError.connectionLost
        }
        try Task.checkCancellation()
        throw KubernetesError.connectionLost
    }

    private func send(_ frame: ByteBuffer) async throws {
        do {
            try await outbound.write(frame)
        } catch {
            try Task.checkCancellation()
            throw KubernetesError.connectionLost
        }
    }

    /// Reads the `Status` of channel 3. Its texts differ between versions, so only reasons count.
    private static func outcome(_ data: ByteBuffer) -> Outcome {
        struct Status: Decodable {
            var status: String?
            var body: KubernetesError.StatusBody

            init(from decoder: any Decoder) throws {
                body = try KubernetesError.StatusBody(from: decoder)
                status = try decoder.container(keyedBy: CodingKeys.self).decodeIfPresent(String.self, forKey: .status)
            }

            enum CodingKeys: String, CodingKey { case status }
        }
        guard let status = try? JSONDecoder().decode(Status.self, from: Data(data.readableBytesView)) else {
            return .failed(String(decoding: data.readableBytesView.prefix(300), as: UTF8.self))
        }
        if status.status == "Success" { return .exited(0) }
        let cause = status.body.details?.causes?.first { $0.reason == "ExitCode" }
        if let code = cause?.message.flatMap({ Int($0) }) { return .exited(code) }
        return .failed(status.body.message ?? "the cluster did not say why")
    }
}
