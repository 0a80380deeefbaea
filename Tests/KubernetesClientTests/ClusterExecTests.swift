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
    /// Reads upgrades and answers them.
    private static let server = #"""
        import base64, hashlib, socket
        listener = socket.create_server(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        def accept():
            return listener.accept()[0]
        def request(connection):
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(4096)
            return request
        def frame(channel, text):
            return bytes([0x82, len(text) + 1, channel]) + text
        def upgrade(connection, head, output):
            key = next(l for l in head.split(b"\r\n") if l.lower().startswith(b"sec-websocket-key")).split(b": ")[1]
            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            # What there is of output comes in the same packet.
            connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Protocol: v5.channel.k8s.io\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
                + output)

        """#

    /// A server, as its client has it.
    private struct Server: Sendable {
        let client: KubernetesClient
        let lines: AsyncStream<String>

        /// Runs a command.
        func run() async throws {
            let output = Mutex("")
            let outcome = try await client.exec("pod", container: "main", ["true"]) { session in
                try await session.receive { piece in
                    guard case .standard(let bytes) = piece else { return }
                    output.withLock { $0 += String(buffer: bytes) }
                }
            }
            #expect(outcome == .exited(0))
            #expect(output.withLock { $0 } == "done")
        }

        /// The next line that the server prints.
        func line() async -> String? { await lines.first { _ in true } }
    }

    /// Runs a server that does what a script says, with the functions of ``server``, and a client of it.
    private func withServer(_ script: String, _ body: @escaping @Sendable (Server) async throws -> Void) async throws {
        _ = try await Subprocess.run(
            .name("python3"), arguments: ["-c", Self.server + script], input: .none, output: .sequence,
            error: .discarded
        ) { execution in
            let (lines, printed) = AsyncStream.makeStream(of: String.self)
            try await withThrowingTaskGroup { group in
                group.addTask {
                    defer { printed.finish() }
                    for try await line in execution.standardOutput.strings() {
                        printed.yield(line.trimmingCharacters(in: .newlines))
                    }
                }
                let port = try #require(await lines.first { _ in true })
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
                    try await body(Server(client: client, lines: lines))
                }
                try execution.send(signal: .kill)
                try? await group.waitForAll()
            }
        }
    }

    @Test func whatComesTogetherWithTheUpgradeCounts() async throws {
        let script = #"""
            connection = accept()
            upgrade(connection, request(connection), frame(1, b"done") + frame(3, b'{"status":"Success"}'))
            while connection.recv(4096):
                pass
            """#
        try await withServer(script) { server in try await server.run() }
    }

    /// Ends a command only when the connection of the next is there, and tells of each request whether it came on one that
    /// was made ahead.
    private static let loop = #"""
        import select
        waiting, running, count = {}, None, 0
        while True:
            for ready in select.select([listener, *waiting], [], [])[0]:
                if ready is listener:
                    waiting[accept()] = running is not None
                elif not ready.recv(1, socket.MSG_PEEK):
                    waiting.pop(ready)
                else:
                    head = request(ready)
                    count += 1
                    print("ahead" if waiting.pop(ready) else "new", flush=True)
                    if isBroken(count):
                        ready.close()
                    else:
                        upgrade(ready, head, b"")
                        running = ready
            if running and waiting:
                running.sendall(frame(1, b"done") + frame(3, b'{"status":"Success"}'))
                running = None
        """#

    @Test func theNextConnectionIsMadeAhead() async throws {
        try await withServer("def isBroken(count): return False\n" + Self.loop) { server in
            var wasAhead = false
            // The client may not know yet that it is there.
            while !wasAhead {
                try await server.run()
                wasAhead = await server.line() == "ahead"
            }
        }
    }

    @Test func aConnectionThatBreaksIsMadeAgain() async throws {
        try await withServer("def isBroken(count): return count % 2 == 0\n" + Self.loop) { server in
            for _ in 1...4 { try await server.run() }
        }
    }
}
