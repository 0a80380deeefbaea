import AsyncHTTPClient
import Foundation
import LanguageModels
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Subprocess
import Testing

/// The service on disks that are full, broken, read-only, or in use by another.
@Suite(.timeLimit(.minutes(5)))
struct DiskFaultTests {
    /// Accepts tasks and works on none.
    private static let variables = [
        "MODEL_NAME": "openai-compatible/none", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "SWE_AGENT_MAX_RUNNING": "0", "SWE_AGENT_MAX_QUEUED": "100000",
    ]

    private static func submit(_ number: Int, to url: String) async throws -> (status: Int, body: JSONValue) {
        var request = HTTPClientRequest(url: url + "/agent/tasks")
        request.method = .POST
        let fields: JSONValue = [
            "goal": .string("Task \(number) " + String(repeating: "x", count: 2000)),
            "repo_url": "https://example.com/nothing.git",
        ]
        request.body = .bytes(try JSONEncoder().encode(fields))
        return try await send(request)
    }

    private static func send(_ request: HTTPClientRequest) async throws -> (status: Int, body: JSONValue) {
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let body = try await response.body.collect(upTo: 16 << 20)
        return (Int(response.status.code), try JSONDecoder().decode(JSONValue.self, from: Data(buffer: body)))
    }

    /// The ids of all tasks that the service knows.
    private static func list(_ url: String) async throws -> Set<String> {
        var ids: Set<String> = []
        var cursor: String?
        repeat {
            let query = "?limit=200" + (cursor.map { "&cursor=\($0)" } ?? "")
            let page = try await send(HTTPClientRequest(url: url + "/agent/tasks" + query)).body
            ids.formUnion(page["tasks"]?.array?.compactMap { $0["id"]?.string } ?? [])
            cursor = page["next_cursor"]?.string
        } while cursor != nil
        return ids
    }

    /// What was accepted is there after the next start, and nothing else; what was not is told so.
    @Test(arguments: [Fault.disk(.full, 400_000), .disk(.error, 30), .disk(.brief, 400_000)])
    func noAcceptedTaskIsLost(_ fault: Fault) async throws {
        try await withFolder { folder in
            let first = try await ServiceProcess.run(
                Self.variables.merging(fault.variables) { $1 }, in: folder
            ) { url, _ in
                var accepted: Set<String> = []
                var refusals = 0
                for number in 0..<150 {
                    let (status, body) = try await Self.submit(number, to: url)
                    if let id = body["task_id"]?.string {
                        #expect(status == 202)
                        accepted.insert(id)
                    } else {
                        refusals += 1
                        #expect(status == 503)
                        #expect(body["error"]?["code"] == "store_unavailable")
                    }
                }
                #expect(refusals > 0, "the fault did not happen")
                #expect(!accepted.isEmpty)
                // What can be read is shown all the same.
                #expect(try await Self.list(url) == accepted)
                return (accepted, refusals)
            }
            let (accepted, refusals) = try #require(first.result, "\(first.log)").get()
            if case .disk(.brief, _) = fault { #expect(refusals < 10 && accepted.count > 100) }
            #expect(first.log.contains("could not be written: the disk"), "\(first.log)")

            let second = try await ServiceProcess.run(Self.variables, in: folder) { url, _ in try await Self.list(url) }
            let known = try #require(second.result).get()
            #expect(known.isSuperset(of: accepted))
            // Whether a sync that failed has reached the disk all the same nobody can know; so its task may be there.
            let unsure = if case .disk(.error, _) = fault { 1 } else { 0 }
            #expect(known.count <= accepted.count + unsure)
            #expect(second.status == .exited(0))
            let check = try await Program.run(["data", "check", "--json"], in: folder)
            #expect(check.exitCode == 0, "\(check.output)")
        }
    }

    /// A start that cannot be: exit code 2, and one line that says what to do.
    private func expectRefusal(
        _ variables: [String: String], in folder: String, saying words: String
    ) async throws {
        let outcome = try await ServiceProcess.run(Self.variables.merging(variables) { $1 }, in: folder) { _, _ in }
        #expect(outcome.result == nil, "it started: \(outcome.log)")
        #expect(outcome.status == .exited(2))
        #expect(outcome.log.hasPrefix("swe-agent: ") && outcome.log.contains(words), "\(outcome.log)")
        #expect(outcome.log.split(separator: "\n").count == 1, "\(outcome.log)")
    }

    @Test func aReadOnlyDirectoryIsRefused() async throws {
        try await withFolder { folder in
            try await expectRefusal(
                Fault.disk(.readonly, 1).variables, in: folder, saying: "set SWE_AGENT_DATA to a writable one")
            // Nothing is changed in one that was in use before.
            _ = try await ServiceProcess.run(Self.variables, in: folder) { url, _ in try await Self.submit(1, to: url) }
            try await expectRefusal(
                Fault.disk(.readonly, 1).variables, in: folder, saying: "set SWE_AGENT_DATA to a writable one")
            let after = try await ServiceProcess.run(Self.variables, in: folder) { url, _ in try await Self.list(url) }
            #expect(try after.result?.get().count == 1)
        }
    }

    @Test func aDiskThatIsFullAtTheStartIsRefused() async throws {
        try await withFolder { folder in
            try await expectRefusal(Fault.disk(.full, 1).variables, in: folder, saying: "the disk is full; make room")
        }
    }

    @Test func aSecondServiceIsRefused() async throws {
        try await withFolder { folder in
            let outcome = try await ServiceProcess.run(Self.variables, in: folder) { url, _ in
                try await expectRefusal([:], in: folder, saying: "is in use by another swe-agent")
                return try await Self.submit(1, to: url).status
            }
            #expect(try outcome.result?.get() == 202)
        }
    }

    @Test func aDamagedDatabaseIsRefused() async throws {
        try await withFolder { folder in
            _ = try await ServiceProcess.run(Self.variables, in: folder) { url, _ in try await Self.submit(1, to: url) }
            let file = URL(filePath: folder + "/data/tasks.sqlite")
            var bytes = try Data(contentsOf: file)
            bytes.replaceSubrange(0..<2048, with: Data(repeating: 0xa5, count: 2048))
            try bytes.write(to: file)
            try await expectRefusal([:], in: folder, saying: "the file is damaged; swe-agent data check")
            #expect(try Data(contentsOf: file) == bytes)
        }
    }

    /// Tasks are saved from one directory and go on in another.
    @Test func dataIsCheckedExportedAndImported() async throws {
        try await withFolder { folder in
            let first = try await ServiceProcess.run(Self.variables, in: folder) { url, _ in
                for number in 0..<5 { _ = try await Self.submit(number, to: url) }
                // Both work beside the service.
                let check = try await Program.run(["data", "check"], in: folder)
                #expect(check.exitCode == 0)
                #expect(check.output.hasPrefix("tasks     5 (5 queued)\nentries   5\n"), "\(check)")
                let export = try await Program.run(["data", "export", "saved.jsonl"], in: folder)
                #expect(export.output == "Wrote 5 tasks with 5 entries to saved.jsonl.\n", "\(export)")
                let again = try await Program.run(["data", "export", "saved.jsonl"], in: folder)
                #expect(again.exitCode == 1 && again.errors == "swe-agent: saved.jsonl exists already\n")
                let busy = try await Program.run(["data", "import", "saved.jsonl"], in: folder)
                #expect(busy.exitCode == 1 && busy.errors.contains("is in use by another swe-agent"))
                return try await Self.list(url)
            }
            let ids = try #require(first.result).get()
            let imported = try await Program.run(
                ["data", "import", "saved.jsonl", "--data", "other", "--json"], in: folder)
            let counts = try JSONDecoder().decode(JSONValue.self, from: Data(imported.output.utf8))
            #expect(counts["tasks"] == 5 && counts["entries"] == 5 && counts["known"] == 0)
            let second = try await ServiceProcess.run(
                Self.variables.merging(["SWE_AGENT_DATA": "other"]) { $1 }, in: folder
            ) { url, _ in try await Self.list(url) }
            #expect(try second.result?.get() == ids)

            let nothing = try await Program.run(["data", "check", "--data", "nowhere"], in: folder)
            #expect(nothing.exitCode == 1 && nothing.errors.contains("there is no task database at nowhere"))
            let missing = try await Program.run(["data", "import", "nothing.jsonl"], in: folder)
            #expect(missing.exitCode == 1 && missing.errors.contains("cannot read nothing.jsonl: No such file"))
        }
    }
}
