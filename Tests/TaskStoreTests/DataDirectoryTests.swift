import Foundation
import GRDB
import TaskStore
import Testing
import Workflow

/// What is kept, removed, checked and moved.
@Suite struct DataDirectoryTests {
    private func withDirectory(_ body: (String) async throws -> Void) async throws {
        let directory = NSTemporaryDirectory() + "data-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try await body(directory)
    }

    /// Makes runs of some entries each; those with an even number have ended.
    private func fill(_ directory: String, runs: Int, entries: Int = 5, size: Int = 200) async throws {
        try await SQLiteRunStore.withStore(in: directory) { store in
            for number in 0..<runs {
                let id = "run-\(number)"
                _ = try await store.submit(
                    id: id, title: "Title \(number)", input: JSONText(verbatim: #"{"goal":"x"}"#),
                    idempotencyKey: number % 3 == 0 ? "key-\(number)" : nil, client: "client-\(number % 2)")
                let journal = try await store.journal(of: id)
                try await journal.append(RunEvent(.started))
                for entry in 0..<entries {
                    let payload = try JSONText(String(repeating: "\(entry)é\n", count: size / 4))
                    try await journal.append(
                        RunEvent(.effectFinished, key: "k/\(entry)", name: "n", detail: "d", payload: payload))
                }
                if number % 2 == 0 { try await journal.append(RunEvent(.finished, detail: "completed")) }
                try await journal.sync()
            }
        }
    }

    private func journals(_ directory: String) async throws -> [String: [JournalEntry]] {
        try await SQLiteRunStore.withStore(in: directory) { store in
            var journals: [String: [JournalEntry]] = [:]
            for run in try await store.list(statuses: [], before: nil, limit: .max) {
                journals[run.id] = try await store.entries(of: run.id, after: 0, limit: .max)
            }
            return journals
        }
    }

    private func export(_ directory: String) throws -> (lines: [String], counts: DataArchive.Counts) {
        var data = Data()
        let counts = try DataArchive.export(from: directory) { data += $0 }
        return (String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init), counts)
    }

    private func bringIn(_ lines: [String], _ directory: String) throws -> DataArchive.Counts {
        var rest = lines[...]
        return try DataArchive.import(into: directory) { rest.popFirst() }
    }

    /// Changes the database behind the store's back.
    private func tamper(_ directory: String, _ statements: String) throws {
        let queue = try DatabaseQueue(path: directory + "/tasks.sqlite")
        try queue.write { db in try db.execute(sql: statements) }
        try queue.close()
    }

    @Test func everythingIsInOneFileOnceTheStoreIsClosed() async throws {
        try await withDirectory { directory in
            try await fill(directory, runs: 3)
            let names = try FileManager.default.contentsOfDirectory(atPath: directory)
            #expect(Set(names) == ["lock", "tasks.sqlite"])
        }
    }

    @Test func aSoundDirectoryHasNoProblems() async throws {
        try await withDirectory { directory in
            try await fill(directory, runs: 10)
            let check = try DataCheck(directory: directory)
            #expect(check.problems == [])
            #expect(check.tasks == ["completed": 5, "running": 5])
            #expect(check.entries == 10 * 7 + 5)
            #expect(check.bytes > 10_000)
        }
    }

    @Test(arguments: [
        ("DELETE FROM entries WHERE run = 2 AND sequence = 3", "run-1: the entries before number 4 are missing"),
        ("DELETE FROM entries WHERE run = 2", "run-1: it has no journal"),
        ("UPDATE entries SET payload = '{' WHERE run = 2 AND sequence = 4", "run-1: entry 4 holds no JSON"),
        ("UPDATE runs SET status = 'failed' WHERE run = 2", "run-1: it is listed as failed"),
        ("UPDATE entries SET kind = 'odd' WHERE run = 2 AND sequence = 4", "run-1: entry 4 is of a kind"),
        ("UPDATE entries SET kind = 'log' WHERE run = 2 AND sequence = 1", "run-1: its journal does not begin"),
    ])
    func damageIsFound(_ statement: String, _ says: String) async throws {
        try await withDirectory { directory in
            try await fill(directory, runs: 4)
            try tamper(directory, statement)
            let check = try DataCheck(directory: directory)
            #expect(check.problems.contains { $0.contains(says) }, "\(check.problems)")
            #expect(check.problems.allSatisfy { $0.contains("run-1") })
        }
    }

    @Test func exportAndImportKeepEverything() async throws {
        try await withDirectory { directory in
            let (source, target) = (directory + "/source", directory + "/target")
            try await fill(source, runs: 12)
            let (lines, counts) = try export(source)
            #expect(counts == DataArchive.Counts.of(tasks: 12, entries: 12 * 7 + 6))
            #expect(try bringIn(lines, target) == counts)
            #expect(try await journals(target) == journals(source))
            #expect(try export(target).lines == lines)
            #expect(try DataCheck(directory: target).problems == [])
            // Again: all are there already.
            let again = try bringIn(lines, target)
            #expect(again.tasks == 0 && again.known == 12)
            #expect(try export(target).lines == lines)
        }
    }

    @Test func aFileThatIsNotWholeImportsNothing() async throws {
        try await withDirectory { directory in
            let (source, target) = (directory + "/source", directory + "/target")
            try await fill(source, runs: 3, entries: 1)
            let lines = try export(source).lines
            var bad: [[String]] = [[], ["{}"], ["no"], Array(lines.dropLast()), Array(lines.dropFirst())]
            for number in 1..<lines.count - 1 {
                var missing = lines
                missing.remove(at: number)
                bad.append(missing)
                bad.append(lines[..<number] + [String(lines[number].dropLast(3))] + lines[(number + 1)...])
            }
            for lines in bad {
                let error = #expect(throws: TaskStoreError.self) { try bringIn(lines, target) }
                #expect(error?.description.hasPrefix("nothing was imported: ") == true, "\(error as Any)")
                #expect(try DataCheck(directory: target).tasks == [:])
            }
        }
    }

    @Test func aDamagedPageCostsNoOtherTask() async throws {
        try await withDirectory { directory in
            let (source, target) = (directory + "/source", directory + "/target")
            try await fill(source, runs: 60, entries: 20, size: 400)
            let before = try await journals(source)
            let file = source + "/tasks.sqlite"
            var bytes = try #require(FileManager.default.contents(atPath: file))
            // A page in the midst of the journals.
            let page = bytes.count / 4096 / 2 * 4096
            bytes.replaceSubrange(page..<page + 4096, with: Data(repeating: 0xa5, count: 4096))
            try bytes.write(to: URL(filePath: file))

            #expect(!(try DataCheck(directory: source).problems.isEmpty))
            let (lines, counts) = try export(source)
            #expect(!counts.problems.isEmpty && counts.problems.count < 10)
            #expect(try bringIn(lines, target).tasks == counts.tasks)
            let saved = try await journals(target)
            #expect(saved.count >= 50)
            for (id, journal) in saved { #expect(before[id] == journal) }
            let lost = try #require(before.keys.first { saved[$0] == nil })
            // Who reads what is damaged is told so.
            try await SQLiteRunStore.withStore(in: source) { store in
                let error = await #expect(throws: JournalError.self) {
                    try await store.entries(of: lost, after: 0, limit: .max)
                }
                #expect(error?.description.contains("the file is damaged; swe-agent data check") == true)
            }
        }
    }

    @Test func aNewerVersionsDatabaseIsLeftAlone() async throws {
        try await withDirectory { directory in
            try await fill(directory, runs: 1)
            try tamper(directory, "INSERT INTO grdb_migrations VALUES ('from the future')")
            let error = try await #require(throws: TaskStoreError.self) { try await journals(directory) }
            #expect(error.description.contains("was written by a newer version"))
            #expect(throws: error) { try DataCheck(directory: directory) }
            #expect(throws: error) { try export(directory) }
        }
    }

    /// One file for each schema that was released, as that version wrote it.
    @Test(arguments: ["schema-1"])
    func olderDatabasesAreTakenOver(_ name: String) async throws {
        let fixture = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name).sqlite")
        try await withDirectory { directory in
            try FileManager.default.copyItem(at: fixture, to: URL(filePath: directory + "/tasks.sqlite"))
            // Looking and saving do not change the schema.
            #expect(try DataCheck(directory: directory).problems == [])
            #expect(try export(directory).counts.tasks == 2)
            try await SQLiteRunStore.withStore(in: directory) { store in
                let runs = try await store.list(statuses: [], before: nil, limit: 9)
                #expect(runs.map(\.status) == [.queued, .failed])
                #expect(try await store.unfinished().map(\.title) == ["Wait"])
                let queued = runs[0].id
                try await store.journal(of: queued).record(RunEvent(.started))
                #expect(
                    try await store.entries(of: queued, after: 0, limit: .max).map(\.event.kind) == [
                        .submitted, .started,
                    ])
                let again = try await store.submit(
                    id: "again", title: "",
                    input: try #require(store.entries(of: queued, after: 0, limit: 1)[0].event.payload),
                    idempotencyKey: "second", client: "somebody")
                #expect(again == queued)
            }
            #expect(try DataCheck(directory: directory).problems == [])
        }
    }

    // MARK: - Retention

    @Test func oldRunsThatHaveEndedAreRemoved() async throws {
        try await withDirectory { directory in
            try await fill(directory, runs: 20)
            try tamper(directory, "UPDATE runs SET updated = updated - 864000 WHERE run <= 11")
            try await SQLiteRunStore.withStore(in: directory) { store in
                let removed = try await store.removeEnded(
                    before: Date(timeIntervalSinceNow: -86_400), keepingBytes: nil)
                #expect(removed == 6)
                let left = try await store.list(statuses: [], before: nil, limit: .max)
                #expect(left.count == 14)
                #expect(left.count { !$0.status.isFinal } == 10)
                #expect(try await store.entries(of: "run-0", after: 0, limit: .max).isEmpty)
                // Its key may be used again.
                #expect(
                    try await store.submit(
                        id: "new", title: "", input: JSONText(verbatim: "{}"), idempotencyKey: "key-0") == "new")
            }
            #expect(try DataCheck(directory: directory).problems == [])
        }
    }

    @Test func theOldestGoFirstWhereThereIsTooMuch() async throws {
        try await withDirectory { directory in
            try await fill(directory, runs: 80, entries: 20, size: 2000)
            let bytes = Int64(try DataCheck(directory: directory).bytes)
            try await SQLiteRunStore.withStore(in: directory) { store in
                let removed = try await store.removeEnded(before: nil, keepingBytes: bytes * 3 / 4)
                #expect((15...25).contains(removed), "\(removed)")
                let left = try await store.list(statuses: [.completed], before: nil, limit: .max).map(\.id)
                #expect(left == (removed..<40).reversed().map { "run-\($0 * 2)" })
                // Nothing that has not ended is removed, however little may be kept.
                _ = try await store.removeEnded(before: nil, keepingBytes: 1)
                #expect(try await store.list(statuses: [], before: nil, limit: .max).count == 40)
                #expect(try await store.unfinished().count == 40)
            }
            // What was freed is used again.
            try await SQLiteRunStore.withStore(in: directory) { store in
                for number in 0..<30 {
                    let id = "more-\(number)"
                    _ = try await store.submit(
                        id: id, title: "", input: JSONText(verbatim: "{}"), idempotencyKey: nil)
                    let journal = try await store.journal(of: id)
                    for _ in 0..<20 {
                        try await journal.append(
                            RunEvent(.effectFinished, payload: JSONText(String(repeating: "x", count: 2000))))
                    }
                    try await journal.sync()
                }
            }
            let now = try DataCheck(directory: directory).bytes
            #expect(now <= Int(bytes) * 11 / 10, "\(now) after \(bytes)")
        }
    }
}

extension DataArchive.Counts {
    fileprivate static func of(tasks: Int, entries: Int) -> Self {
        var counts = Self()
        counts.tasks = tasks
        counts.entries = entries
        return counts
    }
}
