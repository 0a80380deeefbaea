import Foundation
import KubernetesClient
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Commands in containers, over WebSocket.
extension ClusterServer {
    /// The newest protocol that a client offers and the server knows.
    static func subprotocol(_ head: HTTPRequestHead) -> String? {
        let offered = head.headers[canonicalForm: "sec-websocket-protocol"].map(String.init)
        return ["v5.channel.k8s.io", "v4.channel.k8s.io"].first(where: offered.contains)
    }

    /// Why a command is not run; `nil` where it is.
    static func refusalOfExec(
        _ head: HTTPRequestHead, _ peer: Peer, _ state: ClusterState, _ faults: ClusterFaults
    ) async -> Refusal? {
        if let refusal = await refusal(of: head, peer, state, faults) { return refusal }
        guard subprotocol(head) != nil else { return Refusal(status: 403) }
        guard let target = target(head.uri), await state.process(target.pod)?.root(of: target.container) != nil else {
            return Refusal(status: 500, message: "container not found (\"main\")")
        }
        return nil
    }

    private static func target(_ uri: String) -> (pod: String, container: String, command: [String])? {
        guard let parts = URLComponents(string: uri) else { return nil }
        let path = parts.path.split(separator: "/").map(String.init)
        guard path.count == 7, path.prefix(3) == ["api", "v1", "namespaces"], path[6] == "exec" else { return nil }
        // Of some clients a space comes as a plus sign.
        let items = URLComponents(string: uri.replacing("+", with: "%20"))?.queryItems ?? []
        return (
            path[5], items.first { $0.name == "container" }?.value ?? "main",
            items.filter { $0.name == "command" }.compactMap(\.value)
        )
    }

    func exec(_ channel: NIOAsyncChannel<WebSocketFrame, WebSocketFrame>, _ uri: String) async throws {
        await state.note("EXEC")
        guard let target = Self.target(uri), let pod = await state.process(target.pod) else { return }
        let output = ExecOutput(channel.channel, cut: await faults.takeCut(target.command))
        try await channel.executeThenClose { inbound, outbound in
            let (input, bytes) = AsyncStream.makeStream(of: ByteBuffer.self)
            await output.send(1, [])
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    defer { bytes.finish() }
                    for try await frame in inbound {
                        var data = frame.plainData
                        switch frame.opcode {
                        case .binary, .text:
                            let channel = data.readInteger(as: UInt8.self)
                            if channel == 0 { bytes.yield(data) } else if channel == 255 { bytes.finish() }
                        case .ping: try await outbound.write(WebSocketFrame(fin: true, opcode: .pong, data: data))
                        case .connectionClose: return
                        default: break
                        }
                    }
                }
                let start = ContinuousClock.now
                let code = try? await pod.exec(target.command, in: target.container, input: input) {
                    await output.send($0, $1)
                }
                await state.noteExec(lasting: (ContinuousClock.now - start) / .seconds(1))
                await output.send(3, Array(try JSONEncoder().encode(Self.status(ofExit: code))))
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

    private static func status(ofExit code: Int?) -> ManifestValue {
        switch code {
        case 0: ["metadata": [:], "status": "Success"]
        case let code?:
            [
                "metadata": [:], "status": "Failure", "reason": "NonZeroExitCode",
                "message": .string("command terminated with non-zero exit code: exit status \(code)"),
                "details": ["causes": [["reason": "ExitCode", "message": .string("\(code)")]]],
            ]
        case nil: ["metadata": [:], "status": "Failure", "reason": "InternalError", "message": "no process"]
        }
    }
}

/// What a command writes, on its way to the client.
private actor ExecOutput {
    private let connection: any Channel
    /// The bytes after which the connection breaks.
    private let cut: Int?
    private var sent = 0

    init(_ connection: any Channel, cut: Int?) {
        self.connection = connection
        self.cut = cut
    }

    func send(_ stream: UInt8, _ data: [UInt8]) async {
        var written: EventLoopFuture<Void>?
        for start in stride(from: 0, to: max(data.count, 1), by: 32_768) {
            var part = data[start..<min(start + 32_768, data.count)]
            let isCut = cut.map { sent + part.count >= $0 } ?? false
            if isCut, let cut { part = part.prefix(cut - sent) }
            sent += part.count
            var bytes = connection.allocator.buffer(capacity: part.count + 1 + Self.roomForHeader)
            bytes.moveWriterIndex(forwardBy: Self.roomForHeader)
            bytes.moveReaderIndex(forwardBy: Self.roomForHeader)
            bytes.writeInteger(stream)
            bytes.writeBytes(part)
            written = connection.write(WebSocketFrame(fin: true, opcode: .binary, data: bytes))
            if isCut {
                connection.flush()
                connection.close(promise: nil)
                return
            }
        }
        connection.flush()
        // Waited for each time, as a loop that always has something to write comes to no reading.
        try? await written?.get()
    }

    /// Of a frame. What stands in one buffer with its header becomes one record of TLS and not two.
    private static let roomForHeader = 14
}

extension WebSocketFrame {
    /// The bytes without their mask. NIO's `unmaskedData` takes them one by one.
    fileprivate var plainData: ByteBuffer {
        guard let maskKey else { return data }
        var data = data
        data.withUnsafeMutableReadableBytes { bytes in
            let key = (0..<8).map { maskKey[$0 % 4] }
            let word = key.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
            let inWords = bytes.count & ~7
            for offset in stride(from: 0, to: inWords, by: 8) {
                let masked = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                bytes.storeBytes(of: masked ^ word, toByteOffset: offset, as: UInt64.self)
            }
            for offset in inWords..<bytes.count { bytes[offset] ^= key[offset & 7] }
        }
        return data
    }
}
