public import Foundation
import GRDB
import Workflow

/// All tasks with their journals as lines of JSON, to keep, to move, or to save what a damaged database still has.
///
/// The first line says what the file is, the last how much it holds, so that one that was cut is noticed. Between them
/// each task is followed by its entries. Payloads are kept as text, byte for byte.
public enum DataArchive {
    private static let format = "swe-agent-data"
    private static let version = 1

    /// A line of the file: one of its members is there.
    private struct Line: Codable {
        var head: Head?
        var task: Item?
        var entry: Entry?
        var end: Counts?
    }

    private struct Head: Codable {
        var format: String
        var version: Int
    }

    private struct Item: Codable {
        var id: String
        var title: String
        var status: String
        var created: Double
        var updated: Double
        var idempotencyKey: String?
        var client: String?
    }

    private struct Entry: Codable {
        var sequence: Int64
        var time: Double
        var kind: String
        var key: String?
        var name: String?
        var detail: String?
        var payload: String?
    }

    /// How much was written or read.
    public struct Counts: Codable, Sendable, Hashable {
        public var tasks = 0
        public var entries = 0
        /// Tasks of the file that were there already.
        public var known = 0
        /// What could not be read, one sentence each.
        public var problems: [String] = []

        public init() {}
    }

    // MARK: - Writing

    /// Writes everything that can be read. A service may be at work on the directory.
    ///
    /// - Parameter write: Takes one line after the other.
    /// - Throws: ``TaskStoreError``, and what `write` throws.
    public static func export(from directory: String, write: (Data) throws -> Void) throws -> Counts {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        func put(_ line: Line) throws { try write(encoder.encode(line) + [UInt8(ascii: "\n")]) }

        var counts = Counts()
        try TaskDatabase.look(into: TaskDatabase.path(in: directory)) { db in
            try put(Line(head: Head(format: format, version: version)))
            let hasClients = try db.columns(in: "runs").contains { $0.name == "client" }
            for run in try runs(in: db, &counts.problems) {
                do {
                    let item = Item(
                        id: run["id"], title: run["title"], status: run["status"], created: run["created"],
                        updated: run["updated"], idempotencyKey: run["idempotency_key"],
                        client: hasClients ? run["client"] : nil)
                    // All of a journal or nothing of it: one with a gap could not go on.
                    let entries = try Row.fetchAll(
                        db, sql: "SELECT * FROM entries WHERE run = ? ORDER BY sequence", arguments: [run["run"]])
                    guard entries.indices.allSatisfy({ entries[$0]["sequence"] == Int64($0 + 1) }), !entries.isEmpty
                    else {
                        counts.problems.append("task \(item.id): entries of its journal are missing")
                        continue
                    }
                    try put(Line(task: item))
                    for row in entries {
                        try put(
                            Line(
                                entry: Entry(
                                    sequence: row["sequence"], time: row["time"], kind: row["kind"], key: row["key"],
                                    name: row["name"], detail: row["detail"], payload: row["payload"])))
                    }
                    counts.tasks += 1
                    counts.entries += entries.count
                } catch let error as DatabaseError {
                    counts.problems.append("task \(run["id"] as String): \(TaskDatabase.explain(error))")
                }
            }
        }
        try put(Line(end: counts))
        return counts
    }

    /// The runs, as far as they can be read: of a damaged table those before the damage and, from its other end, after it.
    private static func runs(in db: Database, _ problems: inout [String]) throws -> [Row] {
        var runs: [Int64: Row] = [:]
        for order in ["ASC", "DESC"] {
            do {
                let cursor = try Row.fetchCursor(db, sql: "SELECT * FROM runs NOT INDEXED ORDER BY run \(order)")
                while let row = try cursor.next() { runs[row["run"]] = row.copy() }
                break
            } catch let error as DatabaseError {
                problems.append("the list of tasks: \(TaskDatabase.explain(error))")
            }
        }
        return runs.keys.sorted().compactMap { runs[$0] }
    }

    // MARK: - Reading

    /// Adds the tasks of a file to a data directory, which no service may use; all of them or, on an error, none. A task
    /// that is there already is left as it is.
    ///
    /// - Parameter nextLine: Gives one line after the other, and `nil` at the end.
    /// - Throws: ``TaskStoreError``, and what `nextLine` throws.
    public static func `import`(into directory: String, nextLine: () throws -> String?) throws -> Counts {
        let lock = try DataDirectoryLock(directory: directory)
        defer { lock.release() }
        let path = TaskDatabase.path(in: directory)
        let pool = try TaskDatabase.open(path)
        defer {
            try? pool.close()
            try? TaskDatabase.mergeLog(path)
        }
        do {
            return try pool.write { db in
                var reader = Reader(db: db)
                while let line = try nextLine() { try reader.take(line) }
                return try reader.finish()
            }
        } catch let error as DatabaseError {
            throw TaskStoreError("nothing was imported: \(TaskDatabase.explain(error))")
        }
    }

    /// Takes the lines of a file.
    private struct Reader {
        let db: Database
        private let decoder: JSONDecoder
        private var number = 0
        private var counts = Counts()
        private var read = Counts()
        private var isComplete = false
        /// The task whose entries come now; `row` is `nil` where it was there already.
        private var current: (item: Item, row: Int64?, sequence: Int64, status: RunStatus)?

        init(db: Database) {
            self.db = db
            decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
        }

        mutating func take(_ text: String) throws {
            number += 1
            guard let line = try? decoder.decode(Line.self, from: Data(text.utf8)), !isComplete else {
                throw flaw(number == 1 ? "is not the first of a file that data export wrote" : "cannot be read")
            }
            if number == 1 {
                guard let head = line.head, head.format == format else {
                    throw flaw("is not the first of a file that data export wrote")
                }
                guard head.version == version else {
                    throw flaw("says that a newer version of swe-agent wrote the file; use that version")
                }
            } else if let item = line.task {
                try endTask()
                try begin(item)
            } else if let entry = line.entry {
                try add(entry)
            } else if let end = line.end {
                try endTask()
                guard (end.tasks, end.entries) == (read.tasks, read.entries) else { throw flaw("counts other tasks") }
                isComplete = true
            } else {
                throw flaw("cannot be read")
            }
        }

        func finish() throws -> Counts {
            guard isComplete else { throw TaskStoreError("nothing was imported: the file has no end; it was cut") }
            return counts
        }

        private mutating func begin(_ item: Item) throws {
            read.tasks += 1
            guard let status = RunStatus(rawValue: item.status), !item.id.isEmpty else {
                throw flaw("has an unknown status")
            }
            if try Row.fetchOne(db, sql: "SELECT 1 FROM runs WHERE id = ?", arguments: [item.id]) != nil {
                counts.known += 1
                current = (item, nil, 0, .queued)
                return
            }
            if let key = item.idempotencyKey,
                try Row.fetchOne(db, sql: "SELECT 1 FROM runs WHERE idempotency_key = ?", arguments: [key]) != nil
            {
                throw flaw("has an idempotency key that another task has here")
            }
            let row = try TaskDatabase.insertRun(
                id: item.id, title: item.title, status: status, created: item.created, updated: item.updated,
                idempotencyKey: item.idempotencyKey, client: item.client, into: db)
            current = (item, row, 0, .queued)
            counts.tasks += 1
        }

        private mutating func add(_ entry: Entry) throws {
            guard var task = current, entry.sequence == task.sequence + 1,
                let kind = RunEvent.Kind(rawValue: entry.kind), (kind == .submitted) == (entry.sequence == 1)
            else { throw flaw("does not follow from the one before") }
            if let payload = entry.payload {
                guard (try? JSONSerialization.jsonObject(with: Data(payload.utf8), options: .fragmentsAllowed)) != nil
                else {
                    throw flaw("holds a payload that is no JSON")
                }
            }
            read.entries += 1
            task.sequence += 1
            task.status = task.status.after(RunEvent(kind, detail: entry.detail))
            current = task
            guard let row = task.row else { return }
            try TaskDatabase.insertEntry(
                row, entry.sequence, time: entry.time, kind: kind, key: entry.key, name: entry.name,
                detail: entry.detail, payload: entry.payload, into: db)
            counts.entries += 1
        }

        private func endTask() throws {
            guard let current else { return }
            guard current.status.rawValue == current.item.status else {
                throw flaw("comes after a task whose journal does not say what its status says")
            }
        }

        private func flaw(_ what: String) -> TaskStoreError {
            TaskStoreError("nothing was imported: line \(number) \(what)")
        }
    }
}
