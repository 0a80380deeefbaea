import Foundation
import GRDB
import Workflow

/// What a look through a data directory found.
public struct DataCheck: Codable, Sendable, Hashable {
    /// Tasks by status, and the entries of all their journals.
    public var tasks: [String: Int] = [:]
    public var entries = 0
    /// The size of the database on disk.
    public var bytes = 0
    /// What is wrong, one sentence each; empty where all is well.
    public var problems: [String] = []

    /// The most problems that are told.
    private static let mostProblems = 100

    /// Reads everything in the database of a data directory and changes nothing. A service may be at work on it.
    ///
    /// - Throws: ``TaskStoreError`` where there is no database that can be looked at.
    public init(directory: String) throws {
        let path = TaskDatabase.path(in: directory)
        for suffix in ["", "-wal"] {
            let attributes = try? FileManager.default.attributesOfItem(atPath: path + suffix)
            bytes += attributes?[.size] as? Int ?? 0
        }
        do {
            try TaskDatabase.look(into: path) { db in try look(at: db) }
        } catch let error as TaskStoreError {
            throw error
        } catch {
            problems.append(TaskDatabase.explain(error))
        }
        problems = Array(problems.prefix(Self.mostProblems))
    }

    private mutating func look(at db: Database) throws {
        do {
            let lines = try String.fetchAll(db, sql: "PRAGMA integrity_check(\(Self.mostProblems))")
            problems += lines.filter { $0 != "ok" }.map { "the database: \($0)" }
            if try Row.fetchOne(db, sql: "PRAGMA foreign_key_check") != nil {
                problems.append("the database: there are entries of no task")
            }
        } catch {
            problems.append("the database: \(TaskDatabase.explain(error))")
        }
        for run in try Row.fetchAll(db, sql: "SELECT run, id, status FROM runs ORDER BY run") {
            let (id, status): (String, String) = (run["id"], run["status"])
            tasks[status, default: 0] += 1
            do {
                try lookAtJournal(of: id, run["run"], status, in: db)
            } catch {
                problems.append("task \(id): \(TaskDatabase.explain(error))")
            }
        }
    }

    private mutating func lookAtJournal(of id: String, _ run: Int64, _ stored: String, in db: Database) throws {
        var next: Int64 = 1
        var status = RunStatus.queued
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT sequence, kind, detail, payload IS NULL OR json_valid(payload) AS is_sound
                FROM entries WHERE run = ? ORDER BY sequence
                """, arguments: [run])
        while let row = try rows.next() {
            let sequence: Int64 = row["sequence"]
            entries += 1
            if sequence != next { problems.append("task \(id): the entries before number \(sequence) are missing") }
            next = sequence + 1
            if row["is_sound"] != true { problems.append("task \(id): entry \(sequence) holds no JSON") }
            guard let kind = RunEvent.Kind(rawValue: row["kind"]) else {
                problems.append("task \(id): entry \(sequence) is of a kind that this version does not know")
                continue
            }
            if (sequence == 1) != (kind == .submitted) {
                problems.append("task \(id): its journal does not begin with its request")
            }
            status = status.after(RunEvent(kind, detail: row["detail"]))
        }
        if next == 1 { problems.append("task \(id): it has no journal") }
        if status.rawValue != stored {
            problems.append("task \(id): it is listed as \(stored), and its journal says \(status.rawValue)")
        }
    }
}

extension TaskDatabase {
    /// Reads the database as it is at one moment, and changes nothing.
    ///
    /// - Throws: ``TaskStoreError`` where it cannot be opened, and what `body` throws.
    static func look(into path: String, _ body: (Database) throws -> Void) throws {
        try openForReading(path).unsafeRead { db in
            // Not `read`, which could not end the transaction of a damaged database and would throw for that.
            try db.execute(sql: "BEGIN")
            defer { try? db.execute(sql: "ROLLBACK") }
            try body(db)
        }
    }

    private static func openForReading(_ path: String) throws -> DatabaseQueue {
        guard FileManager.default.fileExists(atPath: path) else {
            throw TaskStoreError("there is no task database at \(path)")
        }
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        do {
            let database = try DatabaseQueue(path: path, configuration: configuration)
            if try database.read(migrations.hasBeenSuperseded) { throw TaskDatabase.isNewer(path) }
            return database
        } catch let error as TaskStoreError {
            throw error
        } catch {
            throw TaskStoreError("cannot read \(path): \(explain(error))")
        }
    }

    static func isNewer(_ path: String) -> TaskStoreError {
        TaskStoreError("\(path) was written by a newer version of swe-agent; use that version")
    }
}
