import Agents
import Foundation
import Sandboxes
import Server
import TestSupport
import Testing

/// Clients that send a byte now and then, in order to hold connections (“slow loris”).
@Suite(.timeLimit(.minutes(5)))
struct SlowClientTests {
    private static let token = "slow-token-0123456789"
    private static let count = 50

    /// Opens connections, begins a request on each, and sends a byte on all of them twenty times a second, for half a minute;
    /// prints how many the service has closed.
    private static let client = """
        import socket, sys, time
        beginning = sys.stdin.buffer.read()
        def connect():
            connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
            connection.sendall(beginning)
            connection.setblocking(False)
            return connection
        connections = [connect() for _ in range(int(sys.argv[2]))]
        closed = 0
        for _ in range(600):
            time.sleep(0.05)
            for connection in list(connections):
                try:
                    connection.send(b'x')
                    while connection.recv(65536): pass
                    ended = True
                except BlockingIOError: ended = False
                except OSError: ended = True
                if ended:
                    connections.remove(connection)
                    closed += 1
            if not connections: break
        print(closed)
        """

    @Test(arguments: [
        "GET /agent/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        "POST /agent/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \(token)\r\nContent-Length: 100000\r\n\r\n{",
        // Those whose bodies nobody waits for.
        "POST /agent/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n",
    ])
    func areCutAndHoldUpNobody(beginning: String) async throws {
        var options = TestService.Options(limits: .init(running: 0, queued: 3))
        options.access = Access(tokens: [Self.token])
        options.requestTimeout = .seconds(1)
        try await TestService.run(options, script: { _ in .hang }) { test in
            let port = try #require(test.url.split(separator: ":").last.map(String.init))
            async let slow = HostCommand(
                executable: "python3", arguments: ["-c", Self.client, port, "\(Self.count)"],
                environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"],
                input: Array(beginning.utf8)
            ).run()
            for _ in 0..<20 {
                // A connection that is kept would be closed with the slow ones.
                #expect(try await test.send("GET", "/healthz", headers: [("Connection", "close")]).status == 200)
            }
            let outcome = try await slow
            #expect(outcome.output == "\(Self.count)\n", "\(outcome.errorOutput)")
        }
    }
}
