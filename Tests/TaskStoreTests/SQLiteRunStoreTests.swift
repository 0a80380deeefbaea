import Dispatch
import Foundation
import TaskStore
import Testing
import Workflow

@Suite struct SQLiteRunStoreTests {
    /// Opens a store in a new directory, again as often as asked.
    private func withDirectory(_ body: (String) async throws -> Void) async throws {
        let directory = NSTemporaryDirectory() + "store-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await body(directory)
    }

    @Test func keepsWhatWasAcknowledged() async throws {
        try await withDirectory { directory in
            try await SQLiteRunStore.withStore(in: directory) { store in
                try await store.submitSimple("a")
                let journal = try await store.journal(of: "a")
                try await journal.append(RunEvent(.started))
                try await journal.record(
                    RunEvent(.finished, detail: "completed", payload: JSONText(verbatim: #"{"x":1}"#)))
            }
            try await SQLiteRunStore.withStore(in: directory) { store in
                let entries = try await store.entries(of: "a", after: 0, limit: .max)
                #expect(entries.map(\.sequence) == [1, 2, 3])
                #expect(entries.map(\.event.kind) == [.submitted, .started, .finished])
                #expect(entries.last?.event.payload?.text == #"{"x":1}"#)
                #expect(try await store.summary(of: "a")?.status == .completed)
                #expect(try await store.unfinished().isEmpty)
                #expect(try await store.head(of: "a") == 3)
                #expect(try await store.head(of: "b") == nil)
            }
        }
    }

    @Test func manyWritersShareTheDisk() async throws {
        try await withDirectory { directory in
            try await SQLiteRunStore.withStore(in: directory) { store in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for run in 0..<50 {
                        group.addTask {
                            let id = "run-\(run)"
                            try await store.submitSimple(id)
                            let journal = try await store.journal(of: id)
                            for line in 0..<20 {
                                try await journal.record(RunEvent(.log, detail: "\(line)"))
                                // What was recorded can be read at once.
                                #expect(try await journal.entries(after: Int64(line + 1)).count == 1)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                for run in 0..<50 {
                    let entries = try await store.entries(of: "run-\(run)", after: 1, limit: .max)
                    #expect(entries.map(\.event.detail) == (0..<20).map { "\($0)" })
                    #expect(entries.map(\.sequence) == (2...21).map { $0 })
                }
            }
        }
    }

    @Test func anIdempotencyKeyMakesOneRun() async throws {
        try await withDirectory { directory in
            let input = JSONText(verbatim: #"{"goal":"x"}"#)
            try await SQLiteRunStore.withStore(in: directory) { store in
                let ids = try await withThrowingTaskGroup(of: String.self) { group in
                    for index in 0..<20 {
                        group.addTask {
                            try await store.submit(id: "i\(index)", title: "", input: input, idempotencyKey: "k")
                        }
                    }
                    return try await group.reduce(into: Set()) { $0.insert($1) }
                }
                #expect(ids.count == 1)
                #expect(try await store.list(statuses: [], before: nil, limit: 100).count == 1)
            }
            try await SQLiteRunStore.withStore(in: directory) { store in
                let first = try await store.list(statuses: [], before: nil, limit: 1)[0].id
                #expect(try await store.submit(id: "n", title: "", input: input, idempotencyKey: "k") == first)
                await #expect(throws: IdempotencyConflict(existing: first)) {
                    try await store.submit(
                        id: "o", title: "", input: JSONText(verbatim: "{}"), idempotencyKey: "k")
                }
            }
        }
    }

    @Test func listsFromTheNewestInPages() async throws {
        try await withDirectory { directory in
            try await SQLiteRunStore.withStore(in: directory) { store in
                for index in 0..<7 { try await store.submitSimple("r\(index)") }
                try await store.journal(of: "r3").record(RunEvent(.finished, detail: "failed"))
                var seen: [String] = []
                var before: Int64?
                repeat {
                    let page = try await store.list(statuses: [.queued], before: before, limit: 2)
                    seen += page.map(\.id)
                    before = page.last?.cursor
                } while before != nil
                #expect(seen == ["r6", "r5", "r4", "r2", "r1", "r0"])
                #expect(try await store.list(statuses: [.failed], before: nil, limit: 9).map(\.id) == ["r3"])
                #expect(try await store.unfinished().map(\.id) == ["r0", "r1", "r2", "r4", "r5", "r6"])
            }
        }
    }

    /// Tasks that prefer an executor suspend where others do not, such as at each call of the store's own.
    @Test(.timeLimit(.minutes(2))) func nobodyWaitsForWhatHasCome() async throws {
        try await withDirectory { directory in
            try await SQLiteRunStore.withStore(in: directory) { store in
                try await withTaskExecutorPreference(QueueExecutor()) {
                    for round in 0..<300 {
                        let id = "run-\(round)"
                        try await store.submitSimple(id)
                        let journal = try await store.journal(of: id)
                        try await withThrowingTaskGroup(of: Void.self) { group in
                            for _ in 0..<8 {
                                group.addTask {
                                    var sequence: Int64 = 1
                                    while sequence < 4 {
                                        try await store.waitForEntry(of: id, after: sequence)
                                        sequence = try await store.head(of: id) ?? 0
                                    }
                                }
                                group.addTask { try await journal.sync() }
                            }
                            try await journal.record(RunEvent(.started))
                            try await journal.append(RunEvent(.log, detail: "x"))
                            try await journal.record(RunEvent(.finished, detail: "completed"))
                            try await group.waitForAll()
                        }
                    }
                }
            }
        }
    }

    @Test func wakesWhoWaitsForAnEntry() async throws {
        try await withDirectory { directory in
            try await SQLiteRunStore.withStore(in: directory) { store in
                try await store.submitSimple("a")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<5 { group.addTask { try await store.waitForEntry(of: "a", after: 1) } }
                    try await store.journal(of: "a").append(RunEvent(.log, detail: "x"))
                    try await group.waitForAll()
                }
                #expect(try await store.head(of: "a") == 2)
                // A waiter that gives up is let go.
                await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await store.waitForEntry(of: "a", after: 2) }
                    group.cancelAll()
                    await #expect(throws: CancellationError.self) { try await group.next() }
                }
            }
        }
    }

    @Test func aDirectoryHasOneOwner() async throws {
        try await withDirectory { directory in
            try await SQLiteRunStore.withStore(in: directory) { _ in
                let error = await #expect(throws: TaskStoreError.self) {
                    try await SQLiteRunStore.withStore(in: directory) { _ in }
                }
                #expect(error?.description.contains("in use by another swe-agent") == true)
            }
            // And the next may have it.
            try await SQLiteRunStore.withStore(in: directory) { _ in }
        }
    }

    @Test func refusesWhatItCannotUse() async throws {
        try await withDirectory { directory in
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try Data("this is no database, it is a text".utf8).write(
                to: URL(fileURLWithPath: directory + "/tasks.sqlite"))
            let error = await #expect(throws: TaskStoreError.self) {
                try await SQLiteRunStore.withStore(in: directory) { _ in }
            }
            #expect(error?.description.contains("damaged") == true)
        }
    }
}

extension SQLiteRunStore {
    fileprivate func submitSimple(_ id: String) async throws {
        _ = try await submit(id: id, title: id, input: JSONText(verbatim: "{}"), idempotencyKey: nil)
    }
}

/// A thread for tasks.
private final class QueueExecutor: TaskExecutor {
    private let queue = DispatchQueue(label: "tasks")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
