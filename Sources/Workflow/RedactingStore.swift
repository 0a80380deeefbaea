public import Foundation

/// A store that takes secrets out of everything before it is written; what is read has none then.
public struct RedactingStore: RunStore {
    private let store: any RunStore
    private let redact: Redaction

    public init(_ store: any RunStore, _ redact: Redaction) {
        self.store = store
        self.redact = redact
    }

    public func submit(
        id: String, title: String, input: JSONText, idempotencyKey: String?, client: String?
    ) async throws -> String {
        try await store.submit(
            id: id, title: redact(title), input: redact(input), idempotencyKey: idempotencyKey, client: client)
    }

    public func run(withKey idempotencyKey: String, input: JSONText) async throws -> String? {
        try await store.run(withKey: idempotencyKey, input: redact(input))
    }

    public func removeEnded(before: Date?, keepingBytes: Int64?) async throws -> Int {
        try await store.removeEnded(before: before, keepingBytes: keepingBytes)
    }

    public func journal(of id: String) async throws -> any Journal {
        RedactingJournal(journal: try await store.journal(of: id), redact: redact)
    }

    public func summary(of id: String) async throws -> RunSummary? { try await store.summary(of: id) }

    public func list(statuses: Set<RunStatus>, before: Int64?, limit: Int) async throws -> [RunSummary] {
        try await store.list(statuses: statuses, before: before, limit: limit)
    }

    public func unfinished() async throws -> [RunSummary] { try await store.unfinished() }

    public func entries(of id: String, after sequence: Int64, limit: Int) async throws -> [JournalEntry] {
        try await store.entries(of: id, after: sequence, limit: limit)
    }

    public func head(of id: String) async throws -> Int64? { try await store.head(of: id) }

    public func waitForEntry(of id: String, after sequence: Int64) async throws {
        try await store.waitForEntry(of: id, after: sequence)
    }
}

private struct RedactingJournal: Journal {
    let journal: any Journal
    let redact: Redaction

    func append(_ event: RunEvent) async throws { try await journal.append(redact(event)) }
    func sync() async throws { try await journal.sync() }
    func flush() async { await journal.flush() }
    func record(_ event: RunEvent) async throws { try await journal.record(redact(event)) }
    func entries(after sequence: Int64) async throws -> [JournalEntry] { try await journal.entries(after: sequence) }
}

extension Redaction {
    /// The mark has nothing that JSON would have to escape.
    fileprivate func callAsFunction(_ json: JSONText) -> JSONText { JSONText(verbatim: self(json.text)) }

    fileprivate func callAsFunction(_ event: RunEvent) -> RunEvent {
        var event = event
        event.detail = event.detail.map { self($0) }
        event.payload = event.payload.map { self($0) }
        return event
    }
}
