import Foundation
import GRDB
import Workflow

/// A change that waits for the next transaction.
enum PendingWrite: Sendable {
    struct Submit: Sendable {
        var id: String
        var title: String
        var time: Date
        var input: JSONText
        var idempotencyKey: String?
        var client: String?
    }

    struct Append: Sendable {
        var run: String
        var row: Int64
        var sequence: Int64
        var time: Date
        var event: RunEvent
        /// The run's new status, where the event changes it.
        var status: RunStatus?
    }

    case submit(Submit)
    case append(Append)

    /// The bytes of its texts that may be long.
    var size: Int {
        switch self {
        case .submit(let submit): submit.input.text.utf8.count
        case .append(let append): (append.event.payload?.text.utf8.count ?? 0) + (append.event.detail?.utf8.count ?? 0)
        }
    }
}

/// The schema and every statement of the store.
///
/// `entries` holds the journals; `runs` is an index over them for lists, written in the same transactions.
enum TaskDatabase {
    static func path(in directory: String) -> String { directory + "/tasks.sqlite" }

    static func open(_ path: String) throws -> DatabasePool {
        var configuration = Configuration()
        configuration.label = "tasks"
        configuration.maximumReaderCount = 4
        do {
            let pool = try DatabasePool(path: path, configuration: configuration)
            // Opening a pool sets synchronous=NORMAL, with which a power cut may take the last commits.
            try pool.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA synchronous = FULL")
                // The store does it earlier, and not within a commit; this is for when it cannot.
                try db.execute(sql: "PRAGMA wal_autocheckpoint = 16000")
                guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2 else {
                    throw TaskStoreError("this build of SQLite does not sync its log; use another")
                }
            }
            let migrator = migrations
            if try pool.read(migrator.hasBeenSuperseded) {
                throw isNewer(path)
            }
            try migrator.migrate(pool)
            return pool
        } catch let error as TaskStoreError {
            throw error
        } catch {
            throw TaskStoreError("cannot open \(path): \(explain(error))")
        }
    }

    /// Moves what is in the log into the database; nobody else may have it open.
    static func mergeLog(_ path: String) throws {
        try withConnection(path) { _ in }
    }

    /// Moves what is in the log now into the database, while others read and write.
    static func checkpoint(_ path: String) throws {
        try withConnection(path) { queue in
            _ = try queue.writeWithoutTransaction { db in try db.checkpoint(.passive) }
        }
    }

    private static func withConnection(_ path: String, _ body: (DatabaseQueue) throws -> Void) throws {
        let queue = try DatabaseQueue(path: path)
        // A connection that has read nothing does not know that there is a log.
        _ = try queue.read { db in try Int.fetchOne(db, sql: "PRAGMA schema_version") }
        try body(queue)
        try queue.close()
    }

    static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            try db.execute(
                sql: """
                    CREATE TABLE runs (
                        run INTEGER PRIMARY KEY AUTOINCREMENT,
                        id TEXT NOT NULL UNIQUE,
                        title TEXT NOT NULL,
                        status TEXT NOT NULL,
                        created REAL NOT NULL,
                        updated REAL NOT NULL,
                        idempotency_key TEXT UNIQUE
                    );
                    CREATE INDEX runs_by_status ON runs (status, run);
                    CREATE TABLE entries (
                        run INTEGER NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
                        sequence INTEGER NOT NULL,
                        time REAL NOT NULL,
                        kind TEXT NOT NULL,
                        key TEXT,
                        name TEXT,
                        detail TEXT,
                        payload TEXT,
                        PRIMARY KEY (run, sequence)
                    ) WITHOUT ROWID;
                    """)
        }
        // Whose task it is, so that clients are served in turn after a restart, too.
        migrator.registerMigration("2") { db in
            try db.execute(
                sql: """
                    ALTER TABLE runs ADD COLUMN client TEXT;
                    CREATE INDEX runs_by_end ON runs (updated) WHERE status IN ('completed', 'failed', 'cancelled');
                    """)
        }
        return migrator
    }

    // MARK: - Writing

    struct Submitted {
        var id: String
        var row: Int64
        var isNew: Bool
    }

    /// Applies a batch in the transaction that is open; answers its submissions in their order.
    static func apply(_ writes: [PendingWrite], to db: Database) throws -> [Result<Submitted, IdempotencyConflict>] {
        var submitted: [Result<Submitted, IdempotencyConflict>] = []
        for write in writes {
            switch write {
            case .submit(let submit): submitted.append(try insert(submit, into: db))
            case .append(let append): try insert(append, into: db)
            }
        }
        return submitted
    }

    private static func insert(
        _ submit: PendingWrite.Submit, into db: Database
    ) throws -> Result<Submitted, IdempotencyConflict> {
        if let key = submit.idempotencyKey, let earlier = try run(withKey: key, input: submit.input, in: db) {
            return earlier
        }
        let time = submit.time.timeIntervalSince1970
        let row = try insertRun(
            id: submit.id, title: submit.title, status: .queued, created: time, updated: time,
            idempotencyKey: submit.idempotencyKey, client: submit.client, into: db)
        try insert(row, 1, submit.time, RunEvent(.submitted, payload: submit.input), into: db)
        return .success(Submitted(id: submit.id, row: row, isNew: true))
    }

    /// The run that an idempotency key made.
    static func run(
        withKey key: String, input: JSONText, in db: Database
    ) throws -> Result<Submitted, IdempotencyConflict>? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT runs.run, id, payload FROM runs JOIN entries USING (run)
                WHERE idempotency_key = ? AND sequence = 1
                """)
        guard let row = try Row.fetchOne(statement, arguments: [key]) else { return nil }
        let id: String = row["id"]
        guard row["payload"] == input.text else { return .failure(IdempotencyConflict(existing: id)) }
        return .success(Submitted(id: id, row: row["run"], isNew: false))
    }

    private static func insert(_ append: PendingWrite.Append, into db: Database) throws {
        try insert(append.row, append.sequence, append.time, append.event, into: db)
        if let status = append.status {
            try db.cachedStatement(sql: "UPDATE runs SET status = ?, updated = ? WHERE run = ?").execute(
                arguments: [status.rawValue, append.time.timeIntervalSince1970, append.row])
        }
    }

    private static func insert(
        _ row: Int64, _ sequence: Int64, _ time: Date, _ event: RunEvent, into db: Database
    ) throws {
        try insertEntry(
            row, sequence, time: time.timeIntervalSince1970, kind: event.kind, key: event.key, name: event.name,
            detail: event.detail, payload: event.payload?.text, into: db)
    }

    /// Adds a run.
    ///
    /// - Parameters:
    ///   - created: Seconds since 1970, as is `updated`.
    /// - Returns: Its row.
    static func insertRun(
        id: String, title: String, status: RunStatus, created: Double, updated: Double, idempotencyKey: String?,
        client: String?, into db: Database
    ) throws -> Int64 {
        try db.cachedStatement(
            sql: """
                INSERT INTO runs (id, title, status, created, updated, idempotency_key, client)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [id, title, status.rawValue, created, updated, idempotencyKey, client])
        return db.lastInsertedRowID
    }

    /// Adds an entry to the journal of the run of a row.
    ///
    /// - Parameter time: Seconds since 1970.
    static func insertEntry(
        _ row: Int64, _ sequence: Int64, time: Double, kind: RunEvent.Kind, key: String?, name: String?,
        detail: String?, payload: String?, into db: Database
    ) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO entries (run, sequence, time, kind, key, name, detail, payload)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [row, sequence, time, kind.rawValue, key, name, detail, payload])
    }

    /// Removes runs that have ended, the one that ended first first.
    ///
    /// - Parameters:
    ///   - before: Those that ended before this.
    ///   - keepingBytes: As many as it takes for what is in use of the database to be no larger.
    ///   - limit: The most to remove.
    /// - Returns: How many were removed.
    static func removeEnded(before: Date?, keepingBytes: Int64?, limit: Int, in db: Database) throws -> Int {
        var removed = 0
        while removed < limit {
            guard
                let oldest = try Row.fetchOne(
                    db,
                    sql: """
                        SELECT run, updated FROM runs WHERE status IN ('completed', 'failed', 'cancelled')
                        ORDER BY updated LIMIT 1
                        """)
            else { break }
            let isOld = before.map { oldest["updated"] < $0.timeIntervalSince1970 } ?? false
            let isTooMuch = try keepingBytes.map { try bytesInUse(of: db) > $0 } ?? false
            guard isOld || isTooMuch else { break }
            let run: Int64 = oldest["run"]
            try db.execute(sql: "DELETE FROM runs WHERE run = ?", arguments: [run])
            removed += 1
        }
        return removed
    }

    /// The pages that hold something; those of removed runs are used again before the file grows.
    static func bytesInUse(of db: Database) throws -> Int64 {
        func number(_ name: String) throws -> Int64 { try Int64.fetchOne(db, sql: "PRAGMA \(name)") ?? 0 }
        return try (number("page_count") - number("freelist_count")) * number("page_size")
    }

    // MARK: - Reading

    static func head(of id: String, in db: Database) throws -> (row: Int64, sequence: Int64, status: RunStatus)? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT run, status, (SELECT max(sequence) FROM entries WHERE entries.run = runs.run) AS sequence
                    FROM runs WHERE id = ?
                    """), arguments: [id]
        ).map { ($0["run"], $0["sequence"] ?? 0, status($0["status"])) }
    }

    static func summary(of id: String, in db: Database) throws -> RunSummary? {
        try Row.fetchOne(db.cachedStatement(sql: "SELECT * FROM runs WHERE id = ?"), arguments: [id]).map(summary)
    }

    static func summaries(
        statuses: Set<RunStatus>, before: Int64?, limit: Int, in db: Database
    ) throws -> [RunSummary] {
        var conditions = ["run < ?"]
        var arguments: StatementArguments = [before ?? .max]
        if !statuses.isEmpty {
            conditions.append("status IN (\(statuses.map { _ in "?" }.joined(separator: ", ")))")
            arguments += StatementArguments(statuses.map(\.rawValue))
        }
        arguments += [limit]
        return try Row.fetchAll(
            db,
            sql: "SELECT * FROM runs WHERE \(conditions.joined(separator: " AND ")) ORDER BY run DESC LIMIT ?",
            arguments: arguments
        ).map(summary)
    }

    static func entries(of id: String, after sequence: Int64, limit: Int, in db: Database) throws -> [JournalEntry] {
        try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT entries.* FROM entries JOIN runs USING (run)
                    WHERE id = ? AND sequence > ? ORDER BY sequence LIMIT ?
                    """), arguments: [id, sequence, limit]
        ).compactMap { row in
            guard let kind = RunEvent.Kind(rawValue: row["kind"]) else { return nil }
            return JournalEntry(
                sequence: row["sequence"],
                time: Date(timeIntervalSince1970: row["time"]),
                event: RunEvent(
                    kind, key: row["key"], name: row["name"], detail: row["detail"],
                    payload: (row["payload"] as String?).map(JSONText.init(verbatim:))))
        }
    }

    private static func summary(_ row: Row) -> RunSummary {
        RunSummary(
            cursor: row["run"], id: row["id"], title: row["title"], status: status(row["status"]),
            createdAt: Date(timeIntervalSince1970: row["created"]),
            updatedAt: Date(timeIntervalSince1970: row["updated"]), client: row["client"])
    }

    private static func status(_ text: String) -> RunStatus {
        RunStatus(rawValue: text) ?? .failed
    }

    /// A database error in words, with what a person can do where that is known.
    static func explain(_ error: any Error) -> String {
        guard let error = error as? DatabaseError else { return "\(error)" }
        let damaged = """
            the file is damaged; swe-agent data check says where, and swe-agent data export saves what can be read
            """
        return switch error.resultCode {
        case .SQLITE_FULL: "the disk is full; make room"
        case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM: "the file cannot be written; check its owner and mode"
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: damaged
        case .SQLITE_IOERR: "the disk reports an error; look in the system's log"
        default: error.message ?? "SQLite error \(error.resultCode.rawValue)"
        }
    }
}
