import Foundation
import KubernetesClient
import NIOCore
import Subprocess
import Synchronization
import SystemPackage
import Testing

/// Commands in containers, against a server that says what the tests want.
@Suite(.timeLimit(.minutes(1)))
struct ClusterExecTests {
    /// Answers one upgrade, and sends in the same packet a command's output and end.
    private static let server = #"""
        import base64, hashlib, socket
        listener = socket.create_server(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        connection, _ = listener.accept()
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(4096)
        key = next(l for l in request.split(b"\r\n") if l.lower().startswith(b"sec-websocket-key")).split(b": ")[1]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        def frame(channel, text):
            return bytes([0x82, len(text) + 1, channel]) + text
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: v5.channel.k8s.io\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            + frame(1, b"quick") + frame(3, b'{"status":"Success"}'))
        while connection.recv(4096):
            pass
        """#

    @Test func whatComesTogetherWithTheUpgradeCounts() async throws {
        _ = try await Subprocess.run(
            .name("python3"), arguments: ["-c", Self.server], input: .none, output: .sequence, error: .discarded
        ) { execution in
            var lines = execution.standardOutput.strings().makeAsyncIterator()
            let port = try #require(try await lines.next()).trimmingCharacters(in: .whitespacesAndNewlines)
            let folder = FileManager.default.temporaryDirectory.appending(path: "cluster-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let file = folder.appending(path: "config")
            try Data(
                """
                current-context: a
                clusters: [{name: c, cluster: {server: "http://127.0.0.1:\(port)"}}]
                contexts: [{name: a, context: {cluster: c}}]
                """.utf8
            ).write(to: file)
            let access = try ClusterAccess.find(environment: ["KUBECONFIG": file.path()])
            try await KubernetesClient.withClient(access) { client in
                let output = Mutex("")
                let outcome = try await client.exec("pod", container: "main", ["true"]) { session in
                    try await session.receive { piece in
                        guard case .standard(let bytes) = piece else { return }
                        output.withLock { $0 += String(buffer: bytes) }
                    }
                }
                #expect(outcome == .exited(0))
                #expect(output.withLock { $0 } == "quick")
            }
        }
    }
}
