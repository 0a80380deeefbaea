public import Foundation

/// The append-only journal of one run.
public protocol Journal: Sendable {
    /// Adds an event at the end. It is ordered at once and on disk soon after; ``sync()`` waits for that.
    ///
    /// - Throws: When the store is closed or an earlier write failed.
    func append(_ event: RunEvent) async throws

    /// Returns once everything appended so far survives a power cut.
    ///
    /// - Throws: When it could not be written; the run must then stop, as its past is no longer recorded.
    func sync() async throws

    /// Begins to write what was appended, without waiting for it.
    func flush() async

    /// Appends and waits until it is on disk.
    func record(_ event: RunEvent) async throws

    /// The entries after a sequence number, oldest first; everything appended before the call is among them.
    func entries(after sequence: Int64) async throws -> [JournalEntry]
}

/// All runs and their journals.
public protocol RunStore: Sendable {
    /// Accepts a run; returns when it is on disk.
    ///
    /// - Parameters:
    ///   - id: The new run's id.
    ///   - title: One line that lists show.
    ///   - input: The payload of the `submitted` event.
    ///   - idempotencyKey: Of two submissions with one key only the first makes a run.
    ///   - client: Whose run it is, where that is known.
    /// - Returns: The id of the run: `id`, or that of the earlier run with the same key.
    /// - Throws: ``IdempotencyConflict`` where the earlier run with that key had another input.
    func submit(
        id: String, title: String, input: JSONText, idempotencyKey: String?, client: String?
    ) async throws -> String

    /// The run that an idempotency key made; `nil` where there is none yet.
    ///
    /// - Throws: ``IdempotencyConflict`` where it had another input.
    func run(withKey idempotencyKey: String, input: JSONText) async throws -> String?

    /// The journal of a run, to execute it or to add to it. Only one executes a run at a time.
    func journal(of id: String) async throws -> any Journal

    /// What is known of a run without reading its journal; `nil` where there is no such run.
    func summary(of id: String) async throws -> RunSummary?

    /// Runs from the newest on.
    ///
    /// - Parameters:
    ///   - statuses: Only these; empty for all.
    ///   - before: The cursor of the last summary of the page before.
    func list(statuses: Set<RunStatus>, before: Int64?, limit: Int) async throws -> [RunSummary]

    /// Runs that have not ended, oldest first.
    func unfinished() async throws -> [RunSummary]

    /// Entries of a run after a sequence number, at most `limit`.
    func entries(of id: String, after sequence: Int64, limit: Int) async throws -> [JournalEntry]

    /// The sequence number of the last entry on disk; `nil` where there is no such run.
    func head(of id: String) async throws -> Int64?

    /// Returns as soon as the run has an entry on disk after `sequence`; at once where it already has.
    func waitForEntry(of id: String, after sequence: Int64) async throws

    /// Removes runs that have ended, with their journals.
    ///
    /// - Parameters:
    ///   - before: All that ended before this; `nil` for none.
    ///   - keepingBytes: As many more, the oldest first, as it takes for the store to be no larger; `nil` for none.
    /// - Returns: How many were removed.
    func removeEnded(before: Date?, keepingBytes: Int64?) async throws -> Int
}

extension RunStore {
    /// Accepts a run of nobody in particular.
    public func submit(id: String, title: String, input: JSONText, idempotencyKey: String?) async throws -> String {
        try await submit(id: id, title: title, input: input, idempotencyKey: idempotencyKey, client: nil)
    }
}

/// What lists say about a run.
public struct RunSummary: Sendable, Hashable {
    /// The place in lists: grows with every run accepted.
    public var cursor: Int64
    public var id: String
    public var title: String
    public var status: RunStatus
    public var createdAt: Date
    public var updatedAt: Date
    /// Whose run it is, where that is known.
    public var client: String?

    public init(
        cursor: Int64, id: String, title: String, status: RunStatus, createdAt: Date, updatedAt: Date,
        client: String? = nil
    ) {
        self.cursor = cursor
        self.id = id
        self.title = title
        self.status = status
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.client = client
    }
}

/// An idempotency key came a second time with another input.
public struct IdempotencyConflict: Error, Sendable, Hashable {
    /// The run that the key made.
    public var existing: String

    public init(existing: String) {
        self.existing = existing
    }
}
