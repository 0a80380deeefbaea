import Dispatch
public import Foundation
import GRDB
public import NIOCore
public import NIOPosix
public import Workflow

/// The journals of all runs in one SQLite file, with group commit: whatever is appended while one transaction is being
/// synced goes to disk together in the next, so that a hundred writers cost about as much as one.
///
/// The database is in WAL mode with `synchronous=FULL` (https://sqlite.org/wal.html): a commit that returned survives a
/// power cut. The store is the only writer; the data directory is locked against a second process.
///
/// A write that fails, as on a full disk, loses no run: whoever appended gets a `JournalError`, and goes on from what is on
/// disk with a journal opened anew.
public actor SQLiteRunStore: RunStore {
    public nonisolated let executor: any SerialExecutor
    /// Where SQLite may block in the disk without holding up a task.
    private let disk = DispatchQueue(label: "swe-agent.task-store", qos: .userInitiated)
    private let checkpoints = DispatchQueue(label: "swe-agent.task-store.checkpoints", qos: .utility)
    private let pool: DatabasePool
    private let lock: DataDirectoryLock
    private let path: String
    private let wakeup: AsyncStream<Void>.Continuation
    private let wakeups: AsyncStream<Void>

    /// What is known of a run whose journal is in use.
    private struct Head {
        var row: Int64
        /// The last sequence number given out, and the last that is on disk.
        var appended: Int64
        var durable: Int64
        var status: RunStatus
        /// Set when a write failed: what was appended since is lost, so the journal must be opened again.
        var lost = false
        /// Tells a journal that was opened before such a loss from one that was opened after it.
        var epoch = 0
        var watchers: [UUID: (after: Int64, CheckedContinuation<Void, any Error>)] = [:]
    }

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private var heads: [String: Head] = [:]
    private var pending: [PendingWrite] = []
    private var submissions: [CheckedContinuation<String, any Error>] = []
    /// Who waits for what is pending to be on disk.
    private var syncing: [CheckedContinuation<Void, any Error>] = []
    private var isWriting = false
    /// About how many pages the log has grown by since it was last moved into the database.
    private var logged = 0
    private var isCheckpointing = false
    private var isClosed = false
    private var closing: [CheckedContinuation<Void, Never>] = []

    /// Opens the store in a directory, which is made if it does not exist, for as long as `body` runs.
    ///
    /// - Parameter executor: Where the store keeps its books, a moment for each call. On threads that tasks compute on, a
    ///   request would wait for their turns to end.
    /// - Throws: ``TaskStoreError`` when the directory is in use, not writable, or from a newer version.
    public static func withStore<Result: Sendable>(
        in directory: String,
        on executor: any SerialExecutor = MultiThreadedEventLoopGroup.singleton.next().executor,
        _ body: @Sendable (SQLiteRunStore) async throws -> Result
    ) async throws -> Result {
        let store = try SQLiteRunStore(directory: directory, executor: executor)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await store.writeLeftovers() }
            do {
                let result = try await body(store)
                await store.close()
                return result
            } catch {
                await store.close()
                throw error
            }
        }
    }

    private init(directory: String, executor: any SerialExecutor) throws {
        self.executor = executor
        lock = try DataDirectoryLock(directory: directory)
        path = TaskDatabase.path(in: directory)
        do {
            pool = try TaskDatabase.open(path)
        } catch {
            lock.release()
            throw error
        }
        (wakeups, wakeup) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: - Writing

    /// What nobody waits for goes to disk after this long, if nothing takes it along before.
    private static let lull: Duration = .milliseconds(5)

    private func writeLeftovers() async {
        for await _ in wakeups {
            try? await Task.sleep(for: Self.lull)
            writeBatch()
        }
    }

    /// Writes what is pending, unless a transaction is under way: its end writes what has come meanwhile, all together.
    private func writeBatch() {
        guard !isWriting, !pending.isEmpty else { return }
        isWriting = true
        let batch = Batch(writes: pending, submitters: submissions, waiters: syncing)
        pending = []
        submissions = []
        syncing = []
        disk.async { [pool] in
            // Who waits is woken from here, one change of threads earlier than the actor could.
            let result = batch.write(to: pool)
            // The way back into the actor from a queue is a task; it ends at once.
            Task { await self.finish(batch, with: result) }
        }
    }

    private func finish(_ batch: Batch, with result: Batch.Result) {
        isWriting = false
        switch result {
        case .success(let submitted):
            logged += batch.pages
            checkpoint()
            for case .success(let run) in submitted where run.isNew && heads[run.id] == nil {
                heads[run.id] = Head(row: run.row, appended: 1, durable: 1, status: .queued)
            }
            for case .append(let append) in batch.writes { advance(append.run, to: append.sequence) }
        case .failure(let failure):
            for case .append(let append) in batch.writes { heads[append.run]?.lost = true }
            // What came meanwhile for the same runs would leave a gap in their journals.
            pending.removeAll {
                guard case .append(let append) = $0 else { return false }
                return heads[append.run]?.lost == true
            }
            for waiter in syncing { waiter.resume(throwing: failure) }
            syncing = []
        }
        if pending.isEmpty {
            // They came while the transaction that has their entries was under way.
            for waiter in syncing { waiter.resume() }
            syncing = []
            resumeClosing()
        } else {
            writeBatch()
        }
    }

    /// The pages after which the log is moved into the database, as many as SQLite lets come together.
    private static let longestLog = 1000

    /// Moves the log into the database once it is long, so that it begins anew (https://sqlite.org/wal.html#ckpt).
    ///
    /// SQLite by itself would do that within a commit, which then takes some hundredths of a second longer. Here nearly all of
    /// it happens beside the commits, and between two of them only the rest. One that fails, as on a full disk, is tried
    /// again later; the commits themselves tell of what is wrong.
    private func checkpoint() {
        guard logged >= Self.longestLog, !isCheckpointing else { return }
        (logged, isCheckpointing) = (0, true)
        checkpoints.async { [disk, pool, path] in
            try? TaskDatabase.checkpoint(path)
            disk.async {
                _ = try? pool.writeWithoutTransaction { db in try db.checkpoint(.passive) }
                Task { await self.hasCheckpointed() }
            }
        }
    }

    private func hasCheckpointed() {
        isCheckpointing = false
        resumeClosing()
    }

    private func resumeClosing() {
        guard !isWriting, !isCheckpointing else { return }
        for waiter in closing { waiter.resume() }
        closing = []
    }

    private func advance(_ run: String, to sequence: Int64) {
        guard var head = heads[run] else { return }
        head.durable = max(head.durable, sequence)
        let awake = head.watchers.filter { $0.value.after < head.durable }
        for key in awake.keys { head.watchers[key] = nil }
        // A run that has ended and that nobody watches needs no place in memory.
        heads[run] = head.status.isFinal && head.watchers.isEmpty && head.durable == head.appended ? nil : head
        for (_, watcher) in awake.values { watcher.resume() }
    }

    private func enqueue(_ write: PendingWrite) throws {
        guard !isClosed else { throw JournalError("the task store is closed") }
        pending.append(write)
    }

    private func close() async {
        isClosed = true
        wakeup.finish()
        writeBatch()
        await withCheckedContinuation {
            if isWriting || isCheckpointing { closing.append($0) } else { $0.resume() }
        }
        for head in heads.values {
            for (_, watcher) in head.watchers.values { watcher.resume(throwing: CancellationError()) }
        }
        heads = [:]
        try? pool.close()
        // The pool's last connection can only read. One that can write moves the log into the database and removes it,
        // so that one file has everything and can be copied.
        try? TaskDatabase.mergeLog(path)
        lock.release()
    }

    // MARK: - Runs

    public func submit(
        id: String, title: String, input: JSONText, idempotencyKey: String?, client: String?
    ) async throws -> String {
        let submit = PendingWrite.Submit(
            id: id, title: title, time: Date(), input: input, idempotencyKey: idempotencyKey, client: client)
        return try await withCheckedThrowingContinuation { continuation in
            do {
                try enqueue(.submit(submit))
                submissions.append(continuation)
                writeBatch()
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    public func run(withKey idempotencyKey: String, input: JSONText) async throws -> String? {
        try await read { db in try TaskDatabase.run(withKey: idempotencyKey, input: input, in: db) }?.get().id
    }

    public func journal(of id: String) async throws -> any Journal {
        guard let head = try await load(id) else { throw TaskStoreError("there is no task \(id)") }
        return RunJournal(id: id, epoch: head.epoch, store: self)
    }

    /// Makes sure that a run's head is known and right.
    ///
    /// - Returns: The head; `nil` where there is no such run.
    @discardableResult
    private func load(_ id: String) async throws -> Head? {
        if let head = heads[id], !head.lost { return head }
        guard let stored = try await read({ db in try TaskDatabase.head(of: id, in: db) }) else { return nil }
        // Another may have loaded it meanwhile.
        if let head = heads[id], !head.lost { return head }
        var head = Head(row: stored.row, appended: stored.sequence, durable: stored.sequence, status: stored.status)
        head.epoch = (heads[id]?.epoch ?? 0) + 1
        head.watchers = heads[id]?.watchers ?? [:]
        heads[id] = head
        return head
    }

    func append(_ event: RunEvent, to id: String, epoch: Int) throws {
        guard var head = heads[id] else { throw JournalError("the journal of task \(id) is not open") }
        guard !head.lost, head.epoch == epoch else { throw JournalError("a write of task \(id) failed earlier") }
        head.appended += 1
        let status = head.status.after(event)
        try enqueue(
            .append(
                .init(
                    run: id, row: head.row, sequence: head.appended, time: Date(), event: event,
                    status: status == head.status ? nil : status)))
        head.status = status
        heads[id] = head
        wakeup.yield()
    }

    /// Begins to write what is pending; nobody waits for it.
    func flush() {
        writeBatch()
    }

    func sync(_ id: String, epoch: Int) async throws {
        try await withCheckedThrowingContinuation { (waiter: CheckedContinuation<Void, any Error>) in
            // Looked at in here, as a transaction may end before this is called.
            if let head = heads[id], head.lost || head.epoch != epoch {
                waiter.resume(throwing: JournalError("a write of task \(id) failed earlier"))
            } else if isWriting || !pending.isEmpty {
                syncing.append(waiter)
                writeBatch()
            } else {
                waiter.resume()
            }
        }
    }

    func record(_ event: RunEvent, to id: String, epoch: Int) async throws {
        try append(event, to: id, epoch: epoch)
        try await sync(id, epoch: epoch)
    }

    public func removeEnded(before: Date?, keepingBytes: Int64?) async throws -> Int {
        var removed = 0
        // In pieces, so that the tasks at work get their turns.
        while true {
            let batch: Int
            do {
                batch = try await pool.write { db in
                    try TaskDatabase.removeEnded(before: before, keepingBytes: keepingBytes, limit: 50, in: db)
                }
            } catch {
                throw JournalError("old tasks could not be removed: \(TaskDatabase.explain(error))")
            }
            removed += batch
            if batch == 0 { return removed }
        }
    }

    // MARK: - Reading

    private func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws -> Value {
        do {
            return try await pool.read(body)
        } catch let error as DatabaseError where !Task.isCancelled {
            throw JournalError("the task store could not be read: \(TaskDatabase.explain(error))")
        }
    }

    public func summary(of id: String) async throws -> RunSummary? {
        try await read { db in try TaskDatabase.summary(of: id, in: db) }
    }

    public func list(statuses: Set<RunStatus>, before: Int64?, limit: Int) async throws -> [RunSummary] {
        try await read { db in
            try TaskDatabase.summaries(statuses: statuses, before: before, limit: limit, in: db)
        }
    }

    public func unfinished() async throws -> [RunSummary] {
        try await read { db in
            try TaskDatabase.summaries(
                statuses: Set(RunStatus.allCases.filter { !$0.isFinal }), before: nil, limit: .max, in: db
            ).reversed()
        }
    }

    public func entries(of id: String, after sequence: Int64, limit: Int) async throws -> [JournalEntry] {
        try await read { db in try TaskDatabase.entries(of: id, after: sequence, limit: limit, in: db) }
    }

    public func head(of id: String) async throws -> Int64? {
        if let head = heads[id] { return head.durable }
        return try await read { db in try TaskDatabase.head(of: id, in: db)?.sequence }
    }

    public func waitForEntry(of id: String, after sequence: Int64) async throws {
        try await load(id)
        let key = UUID()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                // Looked at in here, as the entry may come before this is called.
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                } else if !isClosed, let head = heads[id], head.durable <= sequence {
                    heads[id]?.watchers[key] = (sequence, continuation)
                } else {
                    continuation.resume()
                }
            }
        } onCancel: {
            // A cancellation handler cannot wait for the actor, so this hop is a task of its own; it ends at once.
            Task<Void, Never> { await self.stopWatching(id, key) }
        }
    }

    private func stopWatching(_ id: String, _ key: UUID) {
        heads[id]?.watchers.removeValue(forKey: key)?.1.resume(throwing: CancellationError())
    }
}

/// What one transaction writes, and who waits for it.
private struct Batch: Sendable {
    typealias Result = Swift.Result<[Swift.Result<TaskDatabase.Submitted, IdempotencyConflict>], JournalError>

    let writes: [PendingWrite]
    let submitters: [CheckedContinuation<String, any Error>]
    let waiters: [CheckedContinuation<Void, any Error>]

    /// About how many pages of the log it takes: some of indices, one for each change, and one for each 4 KiB of it.
    var pages: Int { writes.reduce(4) { $0 + 1 + $1.size / 4096 } }

    /// Writes it, and lets those go on who wait for it.
    func write(to pool: DatabasePool) -> Result {
        do {
            let submitted = try pool.write { db in try TaskDatabase.apply(writes, to: db) }
            for (result, submitter) in zip(submitted, submitters) {
                submitter.resume(with: result.map(\.id).mapError { $0 as any Error })
            }
            for waiter in waiters { waiter.resume() }
            return .success(submitted)
        } catch {
            let failure = JournalError("the task store could not be written: \(TaskDatabase.explain(error))")
            for submitter in submitters { submitter.resume(throwing: failure) }
            for waiter in waiters { waiter.resume(throwing: failure) }
            return .failure(failure)
        }
    }
}

/// The journal of one run in the store.
struct RunJournal: Journal {
    let id: String
    let epoch: Int
    let store: SQLiteRunStore

    func append(_ event: RunEvent) async throws {
        try await store.append(event, to: id, epoch: epoch)
    }

    func sync() async throws {
        try await store.sync(id, epoch: epoch)
    }

    func record(_ event: RunEvent) async throws {
        try await store.record(event, to: id, epoch: epoch)
    }

    func flush() async {
        await store.flush()
    }

    func entries(after sequence: Int64) async throws -> [JournalEntry] {
        try await sync()
        return try await store.entries(of: id, after: sequence, limit: .max)
    }
}
