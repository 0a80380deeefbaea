import Agents
import Foundation
import Sandboxes
import Server
import TestSupport
import Testing

/// Requests that one reader takes for something else than another, written byte by byte.
@Suite(.timeLimit(.minutes(5)))
struct SmugglingTests {
    private static let token = "smuggling-token-0123456789"
    private static let authorized = "Authorization: Bearer \(token)\r\n"

    private func serve(_ body: @escaping @Sendable (TestService) async throws -> Void) async throws {
        var options = TestService.Options(limits: .init(running: 0, queued: 100))
        options.access = Access(tokens: [Self.token], hosts: ["127.0.0.1"])
        try await TestService.run(options, script: { _ in .hang }, body)
    }

    /// Sends bytes over one connection and returns the status of each response and the bodies.
    private func exchange(
        _ request: String, waiting seconds: Int = 2, with test: TestService
    ) async throws -> (statuses: [Int], text: String) {
        let script = """
            import socket, sys
            connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=20)
            connection.sendall(sys.stdin.buffer.read())
            # What was misunderstood would be answered at once.
            connection.settimeout(float(sys.argv[2]))
            try:
                while True:
                    part = connection.recv(65536)
                    if not part: break
                    sys.stdout.buffer.write(part)
            except OSError: pass
            """
        let port = try #require(test.url.split(separator: ":").last.map(String.init))
        let outcome = try await HostCommand(
            executable: "python3", arguments: ["-c", script, port, "\(seconds)"],
            environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"],
            input: Array(request.utf8)
        ).run()
        let text = outcome.output
        return (text.matches(of: /HTTP\/1\.1 (\d{3})/).compactMap { Int($0.1) }, text)
    }

    @Test func eachPipelinedRequestNeedsItsToken() async throws {
        try await serve { test in
            let bare = "GET /agent/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            let (statuses, _) = try await exchange(
                bare + Self.authorized + "\r\n" + bare + "\r\n" + bare + Self.authorized
                    + "Connection: close\r\n\r\n", waiting: 60, with: test)
            #expect(statuses == [200, 401, 200])
        }
    }

    @Test(arguments: [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /agent/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}    ",
        "Content-Length: -1\r\n\r\n{}",
        "Content-Length: 99999999999999999999\r\n\r\n{}",
        "Content-Length: +2\r\n\r\n{}",
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        "Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}",
        "Content-Length : 2\r\n\r\n{}",
        " folded: x\r\nContent-Length: 2\r\n\r\n{}",
        "Na\0me: x\r\nContent-Length: 2\r\n\r\n{}",
        "Name: a\0b\r\nContent-Length: 2\r\n\r\n{}",
    ])
    func ambiguousBodiesMakeNoTask(headersAndBody: String) async throws {
        try await serve { test in
            let request = "POST /agent/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\n" + Self.authorized + headersAndBody
            let (statuses, text) = try await exchange(request, with: test)
            #expect(statuses.allSatisfy { $0 >= 400 && $0 < 500 }, "\(text)")
            // What came after it on the connection was not taken for a request of its own.
            #expect(statuses.count <= 1, "\(text)")
            #expect(
                try await test.send("GET", "/agent/tasks", headers: [("Authorization", "Bearer \(Self.token)")]).status
                    == 200)
        }
    }

    @Test(arguments: [
        "/agent/tasks", "//agent/tasks", "/./agent/tasks", "/healthz/../agent/tasks", "/agent%2ftasks",
        "/%61gent/tasks",
        "/agent/tasks/", "/agent//tasks", "/AGENT/tasks", "/agent/tasks;x", "/agent/tasks%00", "/agent/tasks#x",
        "http://127.0.0.1/agent/tasks", "/healthz/%2e%2e/agent/tasks", "*",
    ])
    func noPathLeadsPastTheToken(path: String) async throws {
        try await serve { test in
            let (statuses, text) = try await exchange(
                "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", with: test)
            #expect(statuses.allSatisfy { $0 >= 400 && $0 < 500 }, "\(text)")
            #expect(!text.contains("next_cursor"))
        }
    }

    @Test(arguments: [
        "Host: 127.0.0.1\r\nHost: attacker.example\r\n", "Host: attacker.example\r\nHost: 127.0.0.1\r\n",
        "Host: attacker.example\r\nX-Forwarded-Host: 127.0.0.1\r\n", "Host: 127.0.0.1@attacker.example\r\n", "",
    ])
    func noSecondNameLeadsPastTheFirst(hosts: String) async throws {
        try await serve { test in
            let (statuses, text) = try await exchange(
                "GET /agent/tasks HTTP/1.1\r\n\(hosts)\(Self.authorized)Connection: close\r\n\r\n", with: test)
            #expect(statuses.allSatisfy { $0 >= 400 && $0 < 500 }, "\(text)")
        }
    }

    /// Bodies, resume ids and headers at random: the service answers each as what it is, and goes on.
    @Test func nothingAtRandomBreaksTheService() async throws {
        try await serve { test in
            var random = SystemRandomNumberGenerator()
            let words = [
                "-1", "0", "1", "9223372036854775807", "9223372036854775808", "1e3", " 1", "１", "null", "\u{7f}", "é",
                "%00", "\"",
                "{", "[[[[", "\\ud800", "true", "{\"goal\":\"x\",\"repo_url\":\"https://example.com/r\"}",
            ]
            for _ in 0..<150 {
                func word() -> String {
                    (0..<Int.random(in: 1...3, using: &random)).map { _ in words.randomElement(using: &random) ?? "" }
                        .joined()
                }
                let key = word().filter { $0.isASCII && !$0.isNewline && $0 != "\u{7f}" }
                let headers = [
                    ("Authorization", "Bearer \(Self.token)"), ("Last-Event-ID", key), ("Idempotency-Key", key),
                ]
                let posted = try await test.send("POST", "/agent/tasks", word(), headers: headers)
                #expect([202, 400, 409, 429].contains(posted.status), "\(posted.text)")
                let events = try await test.send("GET", "/agent/tasks/x/events", headers: headers)
                #expect([400, 404].contains(events.status), "\(events.text)")
            }
        }
    }
}
