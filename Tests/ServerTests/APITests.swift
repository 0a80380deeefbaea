import Agents
import AsyncHTTPClient
import Foundation
import LanguageModels
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

/// What the API answers to good and bad requests, with nobody working on tasks.
@Suite struct APITests {
    private static let idle = TestService.Options(limits: .init(running: 0, queued: 3))

    private func serve(_ body: @escaping @Sendable (TestService) async throws -> Void) async throws {
        try await TestService.run(Self.idle, script: { _ in .hang }, body)
    }

    @Test func acceptsShowsAndLists() async throws {
        try await serve { test in
            let id = try await test.submit(["goal": "First line\nmore", "repo_url": "https://example.com/a.git"])
            #expect(UUID(uuidString: id) != nil)
            let shown = try #require(try await test.send("GET", "/agent/tasks/\(id)").json)
            #expect(shown["id"]?.string == id)
            #expect(shown["status"] == "QUEUED")
            #expect(shown["logs"] == [])
            #expect(shown["result"] == .null)
            let second = try await test.submit(["goal": "b", "repo_url": "https://example.com/b.git"])
            let page = try #require(try await test.send("GET", "/agent/tasks?limit=1").json)
            #expect(page["tasks"]?.array?.map { $0["id"]?.string } == [second])
            let cursor = try #require(page["next_cursor"]?.string)
            let rest = try #require(try await test.send("GET", "/agent/tasks?limit=1&cursor=\(cursor)").json)
            #expect(rest["tasks"]?.array?.map { $0["goal"]?.string } == ["First line"])
            #expect(rest["next_cursor"] == nil || rest["next_cursor"] == .null)
            #expect(try await test.send("GET", "/agent/tasks?status=RUNNING").json?["tasks"] == [])
            #expect(try await test.send("GET", "/agent/tasks?status=queued").json?["tasks"]?.array?.count == 2)
            #expect(try await test.send("GET", "/healthz").status == 200)
            #expect(try await test.send("GET", "/readyz").status == 200)
        }
    }

    @Test(arguments: [
        ("{", "malformed_json"), ("", "malformed_json"), ("[]", "wrong_type"), ("null", "wrong_type"),
        ("\u{FF}", "malformed_json"),
        (#"{"repo_url":"https://e.com/a"}"#, "missing_field"),
        (#"{"goal":"x"}"#, "missing_field"),
        (#"{"goal":1,"repo_url":"https://e.com/a"}"#, "wrong_type"),
        (#"{"goal":null,"repo_url":"https://e.com/a"}"#, "wrong_type"),
        (#"{"goal":"x","repo_url":"https://e.com/a","max_steps":"3"}"#, "wrong_type"),
        (#"{"goal":"x","repo_url":"https://e.com/a","colour":"red"}"#, "unknown_field"),
        (#"{"goal":"","repo_url":"https://e.com/a"}"#, "empty_goal"),
        (#"{"goal":" \n ","repo_url":"https://e.com/a"}"#, "empty_goal"),
        (#"{"goal":"x","repo_url":""}"#, "bad_repo_url"),
        (#"{"goal":"x","repo_url":"ext::sh -c id"}"#, "bad_repo_url"),
        (#"{"goal":"x","repo_url":"https://user:pw@e.com/a"}"#, "bad_repo_url"),
        (#"{"goal":"x","repo_url":"http://e.com/a"}"#, "bad_repo_url"),
        (#"{"goal":"x","repo_url":"--upload-pack=id"}"#, "bad_repo_url"),
        (#"{"goal":"x","repo_url":"https://e.com/a","base_branch":"../x"}"#, "bad_base_branch"),
        (#"{"goal":"x","repo_url":"https://e.com/a","max_steps":0}"#, "bad_limit"),
        (#"{"goal":"x","repo_url":"https://e.com/a","timeout_seconds":-1}"#, "bad_limit"),
        (#"{"goal":"x","repo_url":"https://e.com/a","max_cost_usd":0}"#, "bad_limit"),
        (#"{"goal":"x","repo_url":"https://e.com/a","model":"nonsense"}"#, "bad_model"),
        (#"{"goal":"x","repo_url":"https://e.com/a","test_command":""}"#, "bad_test_command"),
        (#"{"goal":"x","repo_url":"https://e.com/a","skip_stages":["manager"]}"#, "bad_skip_stages"),
    ])
    func refusesBadTasks(_ body: String, code: String) async throws {
        try await serve { test in
            let answer = try await test.send("POST", "/agent/tasks", body)
            #expect(answer.status == 400)
            #expect(answer.errorCode == code, "\(answer.text)")
            #expect(answer.json?["error"]?["message"]?.string?.isEmpty == false)
            #expect(try await test.send("GET", "/agent/tasks").json?["tasks"] == [])
        }
    }

    @Test func limitsSizes() async throws {
        try await serve { test in
            func body(_ count: Int) -> String {
                #"{"goal":"\#(String(repeating: "x", count: count))","repo_url":"https://e.com/a"}"#
            }
            #expect(try await test.send("POST", "/agent/tasks", body(100_000)).errorCode == "goal_too_long")
            let large = try await test.send("POST", "/agent/tasks", body(1 << 20))
            #expect(large.status == 413)
            #expect(large.errorCode == "body_too_large")
            let key = String(repeating: "k", count: 300)
            let answer = try await test.send("POST", "/agent/tasks", body(1), headers: [("Idempotency-Key", key)])
            #expect(answer.errorCode == "bad_idempotency_key")
        }
    }

    @Test func aFullQueueAsksToComeBack() async throws {
        try await serve { test in
            let body = #"{"goal":"x","repo_url":"https://e.com/a"}"#
            for _ in 0..<3 { #expect(try await test.send("POST", "/agent/tasks", body).status == 202) }
            let answer = try await test.send("POST", "/agent/tasks", body)
            #expect(answer.status == 429)
            #expect(answer.errorCode == "queue_full")
            #expect(answer.headers["retry-after"].flatMap { Int($0) } != nil)
        }
    }

    @Test func anIdempotencyKeyMakesOneTask() async throws {
        try await serve { test in
            let body = #"{"goal":"x","repo_url":"https://e.com/a"}"#
            let header = [("Idempotency-Key", "k1")]
            let first = try await test.send("POST", "/agent/tasks", body, headers: header)
            let second = try await test.send("POST", "/agent/tasks", body, headers: header)
            #expect(first.json?["task_id"] == second.json?["task_id"])
            #expect(second.status == 202)
            let other = try await test.send(
                "POST", "/agent/tasks", #"{"goal":"y","repo_url":"https://e.com/a"}"#, headers: header)
            #expect(other.status == 409)
            #expect(other.errorCode == "idempotency_conflict")
        }
    }

    @Test(arguments: [
        ("GET", "/agent/tasks/nope", 404, "unknown_task"), ("GET", "/agent/tasks/nope/events", 404, "unknown_task"),
        ("GET", "/agent/tasks/nope/patch", 404, "unknown_task"),
        ("GET", "/agent/tasks/nope/trajectory", 404, "unknown_task"),
        ("POST", "/agent/tasks/nope/cancel", 404, "unknown_task"), ("GET", "/nothing", 404, "unknown_path"),
        ("GET", "/agent/tasks?status=x", 400, "bad_status"), ("GET", "/agent/tasks?limit=0", 400, "bad_parameter"),
        ("GET", "/agent/tasks?cursor=x", 400, "bad_parameter"),
    ])
    func saysWhatIsWrong(_ method: String, _ path: String, status: Int, code: String) async throws {
        try await serve { test in
            let answer = try await test.send(method, path)
            #expect(answer.status == status)
            #expect(answer.errorCode == code)
        }
    }

    /// Wherever a client of the event stream is cut off, it gets the rest by `Last-Event-ID`, and nothing twice.
    @Test func theEventStreamResumes() async throws {
        let script = Script()
        try await TestService.run(script: { script.reply(to: $0) }) { test in
            let repository = try await SampleRepository.make(in: test.folder)
            let id = try await test.submit([
                "goal": "Make add add", "repo_url": .string(repository), "test_command": SampleRepository.test,
            ])
            // A live client that hangs up after every few events.
            var live: [Event] = []
            while live.last?.type != "finished" {
                live += try await events(of: id, after: live.last?.id, most: 3, test)
            }
            let whole = try await events(of: id, after: nil, most: .max, test)
            #expect(live == whole)
            #expect(whole.map(\.id) == (1...whole.count).map { $0 })
            #expect(whole.first?.type == "submitted")
            #expect(try await events(of: id, after: whole.count, most: .max, test) == [])
            let bad = try await test.send("GET", "/agent/tasks/\(id)/events", headers: [("Last-Event-ID", "x")])
            #expect(bad.errorCode == "bad_parameter")
        }
    }

    private struct Event: Equatable {
        var id: Int
        var type: String
        var data: String
    }

    private func events(of id: String, after: Int?, most: Int, _ test: TestService) async throws -> [Event] {
        var request = HTTPClientRequest(url: test.url + "/agent/tasks/\(id)/events")
        if let after { request.headers.add(name: "Last-Event-ID", value: "\(after)") }
        let response = try await test.provider.client.execute(request, timeout: .seconds(60))
        #expect(response.headers.first(name: "Content-Type") == "text/event-stream")
        var text = ""
        var events: [Event] = []
        for try await chunk in response.body {
            text += String(buffer: chunk)
            while let end = text.range(of: "\n\n") {
                let lines = text[..<end.lowerBound].split(separator: "\n")
                func field(_ name: String) -> String? {
                    lines.first { $0.hasPrefix(name + ": ") }.map { String($0.dropFirst(name.count + 2)) }
                }
                if let id = field("id").flatMap({ Int($0) }), let type = field("event"), let data = field("data") {
                    events.append(Event(id: id, type: type, data: data))
                }
                text.removeSubrange(..<end.upperBound)
                if events.count == most { return events }
            }
        }
        return events
    }
}
