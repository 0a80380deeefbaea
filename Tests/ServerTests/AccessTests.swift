import Agents
import Foundation
import LanguageModels
import Sandboxes
import Server
import TestSupport
import Testing

/// Who the API turns away.
@Suite struct AccessTests {
    private static let first = "first-token-0123456789"
    private static let second = "second-token-0123456789"

    private func serve(
        _ access: Access, _ body: @escaping @Sendable (TestService) async throws -> Void
    ) async throws {
        var options = TestService.Options(limits: .init(running: 0, queued: 3))
        options.access = access
        try await TestService.run(options, script: { _ in .hang }, body)
    }

    @Test func asksForOneOfItsTokens() async throws {
        try await serve(Access(tokens: [Self.first, Self.second])) { test in
            let paths = ["", "/x", "/x/events", "/x/patch", "/x/trajectory"].map { ("GET", "/agent/tasks" + $0) }
            for (method, path) in paths + [("POST", "/agent/tasks"), ("POST", "/agent/tasks/x/cancel")] {
                for header in [nil, "Bearer", "Bearer ", "Bearer \(Self.first)x", "Basic \(Self.first)", Self.first] {
                    let answer = try await test.send(
                        method, path, headers: header.map { [("Authorization", $0)] } ?? [])
                    #expect(answer.status == 401, "\(method) \(path) with \(header ?? "nothing")")
                    #expect(answer.errorCode == "unauthorized")
                    #expect(answer.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
                    #expect(!answer.text.contains(Self.first))
                }
            }
            for token in [Self.first, Self.second] {
                for scheme in ["Bearer", "bearer"] {
                    let headers = [("Authorization", "\(scheme) \(token)")]
                    #expect(try await test.send("GET", "/agent/tasks", headers: headers).status == 200)
                }
            }
            // What watches over the service has no token.
            #expect(try await test.send("GET", "/healthz").status == 200)
            #expect(try await test.send("GET", "/readyz").status == 200)
        }
    }

    @Test func aClientMayHaveSoManyTasks() async throws {
        var options = TestService.Options(limits: .init(running: 0, queued: 100, perClient: 2))
        options.access = Access(tokens: [Self.first, Self.second])
        try await TestService.run(options, script: { _ in .hang }) { test in
            func submit(_ token: String) async throws -> TestService.Answer {
                try await test.send(
                    "POST", "/agent/tasks", #"{"goal":"x","repo_url":"https://example.com/r.git"}"#,
                    headers: [("Authorization", "Bearer \(token)")])
            }
            var ids: [String] = []
            for _ in 0..<2 { ids += [try #require(try await submit(Self.first).json?["task_id"]?.string)] }
            let refused = try await submit(Self.first)
            #expect(refused.status == 429)
            #expect(refused.errorCode == "too_many_tasks")
            #expect(refused.headers["retry-after"].flatMap(Int.init) != nil)
            // Others are not held up by it.
            #expect(try await submit(Self.second).status == 202)
        }
    }

    @Test func aTaskThatHasEndedMakesRoomForTheNextOfItsClient() async throws {
        var options = TestService.Options(limits: .init(running: 2, queued: 100, perClient: 1))
        options.access = Access(tokens: [Self.first])
        try await TestService.run(options, script: { _ in .hang }) { test in
            let token = ("Authorization", "Bearer \(Self.first)")
            for number in 0..<5 {
                // There is no such repository, so that they fail soon.
                let body = #"{"goal":"\#(number)","repo_url":"\#(test.folder)/none"}"#
                var answer = try await test.send("POST", "/agent/tasks", body, headers: [token])
                // The end is told just before it counts.
                while answer.status == 429 {
                    answer = try await test.send("POST", "/agent/tasks", body, headers: [token])
                }
                let id = try #require(answer.json?["task_id"]?.string)
                _ = try await test.send("GET", "/agent/tasks/\(id)/events", headers: [token])
            }
        }
    }

    @Test func aKeyThatIsUsedAgainTakesNoPlace() async throws {
        var options = TestService.Options(limits: .init(running: 0, queued: 100, perClient: 3))
        options.access = Access(tokens: [Self.first])
        try await TestService.run(options, script: { _ in .hang }) { test in
            let body = #"{"goal":"x","repo_url":"https://example.com/r.git"}"#
            var ids: Set<String> = []
            for key in ["a", "a", "b", "b", "c"] {
                let headers = [("Authorization", "Bearer \(Self.first)"), ("Idempotency-Key", key)]
                let answer = try await test.send("POST", "/agent/tasks", body, headers: headers)
                ids.insert(try #require(answer.json?["task_id"]?.string, "\(answer.text)"))
            }
            #expect(ids.count == 3)
        }
    }

    @Test(arguments: [
        TaskService.Limits(running: 0, queued: 100, perClient: 1), TaskService.Limits(running: 0, queued: 1),
    ])
    func whatWasAcceptedStaysAcceptedWhereThereIsNoPlaceForMore(limits: TaskService.Limits) async throws {
        var options = TestService.Options(limits: limits)
        options.access = Access(tokens: [Self.first])
        try await TestService.run(options, script: { _ in .hang }) { test in
            func submit(_ key: String, goal: String = "x") async throws -> TestService.Answer {
                try await test.send(
                    "POST", "/agent/tasks", #"{"goal":"\#(goal)","repo_url":"https://example.com/r.git"}"#,
                    headers: [("Authorization", "Bearer \(Self.first)"), ("Idempotency-Key", key)])
            }
            let first = try await submit("a")
            #expect(first.status == 202)
            #expect(try await submit("b").status == 429)
            let again = try await submit("a")
            #expect(again.status == 202)
            #expect(again.json?["task_id"] == first.json?["task_id"])
            #expect(try await submit("a", goal: "y").errorCode == "idempotency_conflict")
            await test.service.drain()
            #expect(try await submit("b").status == 503)
            #expect(try await submit("a").json?["task_id"] == first.json?["task_id"])
        }
    }

    @Test func withoutTokensAnAddressIsAClient() async throws {
        let options = TestService.Options(limits: .init(running: 0, queued: 100, perClient: 2))
        try await TestService.run(options, script: { _ in .hang }) { test in
            let script = """
                import http.client, sys
                client = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), source_address=(sys.argv[2], 0))
                client.request('POST', '/agent/tasks', '{"goal":"x","repo_url":"https://example.com/r.git"}')
                print(client.getresponse().status)
                """
            let port = try #require(test.url.split(separator: ":").last.map(String.init))
            var statuses: [String] = []
            for address in ["127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.2"] {
                statuses += [
                    try await HostCommand(
                        executable: "python3", arguments: ["-c", script, port, address],
                        environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
                    ).run().output
                ]
            }
            #expect(statuses == ["202\n", "202\n", "429\n", "202\n"])
        }
    }

    @Test func isNotReachedByAnotherName() async throws {
        try await serve(Access(hosts: ["localhost", "127.0.0.1", "[::1]"])) { test in
            for host in ["localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]:8000", "[::1]"] {
                #expect(try await test.send("GET", "/agent/tasks", headers: [("Host", host)]).status == 200, "\(host)")
            }
            for host in [
                "attacker.example", "attacker.example:8000", "localhost.attacker.example", "[::2]", "[::1", "",
            ] {
                let answer = try await test.send("GET", "/agent/tasks", headers: [("Host", host)])
                #expect(answer.status == 421, "\(host)")
            }
        }
    }

    @Test func isNotForWebPages() async throws {
        try await serve(Access()) { test in
            for origin in ["https://attacker.example", "null", test.url] {
                let answer = try await test.send(
                    "POST", "/agent/tasks", #"{"goal":"x","repo_url":"https://e.com/a"}"#,
                    headers: [("Origin", origin)])
                #expect(answer.status == 403)
                #expect(answer.errorCode == "cross_origin")
                #expect(answer.headers["access-control-allow-origin"] == nil)
            }
            let listed = try await test.send("GET", "/agent/tasks")
            #expect(listed.json?["tasks"] == [])
        }
    }

    @Test func headersHaveALimit() async throws {
        try await serve(Access()) { test in
            let long = String(repeating: "x", count: 40 * 1024)
            // The connection ends, with or without an answer, and the service goes on.
            let answer = try? await test.send("GET", "/agent/tasks", headers: [("X-Long", long)])
            #expect(answer?.status != 200)
            let next = try await test.send("GET", "/agent/tasks")
            #expect(next.status == 200)
        }
    }
}
