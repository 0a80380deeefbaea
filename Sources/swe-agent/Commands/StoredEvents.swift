import Workflow

/// The journal of a task of this process, as it is written, to the task's end.
struct StoredEvents: AsyncSequence, Sendable {
    let store: any RunStore
    let id: String

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(store: store, id: id)
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        private static let batch = 256

        let store: any RunStore
        let id: String
        private var entries: ArraySlice<JournalEntry> = []
        private var last: Int64 = 0
        private var isFinished = false

        init(store: any RunStore, id: String) {
            self.store = store
            self.id = id
        }

        mutating func next() async throws -> JournalEntry? {
            guard !isFinished else { return nil }
            while entries.isEmpty {
                try await store.waitForEntry(of: id, after: last)
                entries = try await store.entries(of: id, after: last, limit: Self.batch)[...]
            }
            let entry = entries.removeFirst()
            last = entry.sequence
            isFinished = entry.event.kind == .finished
            return entry
        }
    }
}
