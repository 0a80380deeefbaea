import Foundation
import LanguageModels
import Testing
import Workflow

@testable import swe_agent

/// The lines that people see of a task.
struct TaskProgressTests {
    private var entries: [JournalEntry] {
        get throws {
            let request = #"{"goal":"g","repo_url":"/r"}"#
            let call = #"""
                {"conversation":"programmer","cost_usd":0.25,"seconds":1,"reply":{"finish":"stop","model":"m","usage":
                {"input_tokens":1,"output_tokens":1,"cached_input_tokens":0},"text":"I\u001b[31m look",
                "tool_calls":[{"id":"1","name":"bash","arguments":{"command":"ls\n-la"}}]}}
                """#
            let events = [
                RunEvent(.submitted, payload: JSONText(verbatim: request)),
                RunEvent(.started),
                RunEvent(.log, key: "manager#1/1", name: "log", detail: "Starting task..."),
                RunEvent(.nodeStarted, key: "programmer#1", name: "programmer"),
                RunEvent(.effectFinished, key: "programmer#1/1", name: "model", payload: JSONText(verbatim: call)),
                RunEvent(.log, key: "x", name: "log", detail: "FAILED: \u{1B}]0;evil\u{07}"),
            ]
            return events.enumerated().map { index, event in
                JournalEntry(sequence: Int64(index + 1), time: Date(timeIntervalSince1970: 1000), event: event)
            }
        }
    }

    @Test func everythingWorthSeeingBecomesALine() throws {
        var progress = TaskProgress(id: "t")
        let lines = try entries.flatMap { try progress.apply($0) }
        #expect(
            lines == [
                .init(text: "Starting task...", style: .bold),
                .init(text: "  I [31m look", style: .plain),
                .init(text: "    $ ls -la", style: .dim),
                .init(text: "FAILED:  ]0;evil ", style: .red),
            ])
    }

    @Test func theChangingLineTellsHowFarTheTaskIs() throws {
        var progress = TaskProgress(id: "t")
        for entry in try entries { _ = try progress.apply(entry) }
        let status = progress.status(at: Date(timeIntervalSince1970: 1065))
        #expect(status == "programmer · 1:05 · 1 step · $0.2500 · $ ls -la")
    }

    @Test func anEntryThatWasSeenIsNotShownAgain() throws {
        var progress = TaskProgress(id: "t")
        for entry in try entries { _ = try progress.apply(entry) }
        let again = try entries.flatMap { try progress.apply($0) }
        #expect(again == [])
    }

    @Test func anEntryComesBackFromItsJSONAsItWas() throws {
        for entry in try entries {
            let read = try JournalEntry(json: Data(entry.json.utf8))
            #expect(read.sequence == entry.sequence)
            #expect(read.time == entry.time)
            #expect(read.event.kind == entry.event.kind)
            #expect(read.event.key == entry.event.key)
            #expect(read.event.detail == entry.event.detail)
            let payloads = try [read, entry].map { try $0.event.payload?.decode(JSONValue.self) }
            #expect(payloads[0] == payloads[1])
        }
    }
}
