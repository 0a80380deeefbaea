import Agents
import Foundation
import TaskStore
import Workflow

/// A chat: its tasks in the order they were entered, each a run with a journal of its own.
actor ChatSession {
    /// A task that has ended.
    struct Turn: Sendable {
        var id: String
        var result: CodingResult
    }

    /// What is noted in a turn's journal when a person takes something back.
    private enum Mark: String {
        case undone, reset
    }

    /// How much of the chat a model is shown.
    private static let turnsShown = 6
    private static let outputShown = 2000

    private let store: SQLiteRunStore
    /// The tasks that the next one goes on from.
    private(set) var turns: [Turn] = []
    /// The task that a crash or a shutdown broke off.
    private(set) var unfinished: (id: String, progress: CodingProgress)?
    /// Whether anything was entered.
    private(set) var isEmpty = true

    /// Opens a session in its directory for as long as `body` runs; one that was never used leaves nothing.
    ///
    /// - Throws: ``TaskStoreError`` where another process has it open.
    static func withSession<Result: Sendable>(
        in directory: String, _ body: @escaping @Sendable (ChatSession) async throws -> Result
    ) async throws -> Result {
        let (result, isEmpty) = try await SQLiteRunStore.withStore(in: directory) { store in
            let session = ChatSession(store: store)
            try await session.load()
            let result: Swift.Result<Result, any Error>
            do {
                result = .success(try await body(session))
            } catch {
                result = .failure(error)
            }
            return (result, await session.isEmpty)
        }
        if isEmpty { try? FileManager.default.removeItem(atPath: directory) }
        return try result.get()
    }

    private init(store: SQLiteRunStore) {
        self.store = store
    }

    private func load() async throws {
        for run in try await store.list(statuses: [], before: nil, limit: .max).reversed() {
            let entries = try await store.entries(of: run.id, after: 0, limit: .max)
            guard let progress = try? CodingProgress(entries) else { continue }
            isEmpty = false
            if let result = progress.result {
                turns.append(Turn(id: run.id, result: result))
                unfinished = nil
            } else {
                unfinished = (run.id, progress)
            }
            for event in entries.lazy.map(\.event) where event.kind == .log {
                switch event.name.flatMap(Mark.init(rawValue:)) {
                case .undone: if turns.last?.id == run.id { turns.removeLast() }
                case .reset: turns = []
                case nil: break
                }
            }
        }
    }

    /// The newest turn with a program.
    var current: Turn? { turns.last { !$0.result.code.isEmpty } }

    /// Takes a task in; it is on disk when this returns.
    ///
    /// - Returns: Its id.
    func submit(_ task: String, model: String, options: CodingOptions) async throws -> String {
        let history = turns.filter { !$0.result.code.isEmpty }.suffix(Self.turnsShown).map { turn in
            CodingTurn(
                task: turn.result.task, code: turn.result.code,
                output: String(turn.result.output.prefix(Self.outputShown)))
        }
        let request = CodingRequest(task: task, model: model, options: options, history: history)
        isEmpty = false
        return try await store.submit(
            id: UUID().uuidString.lowercased(), title: task.printable(limit: 100), input: JSONText(request),
            idempotencyKey: nil)
    }

    func journal(of id: String) async throws -> any Journal {
        try await store.journal(of: id)
    }

    func add(_ id: String, _ result: CodingResult) {
        unfinished = nil
        turns.append(Turn(id: id, result: result))
    }

    /// Forgets the last turn.
    ///
    /// - Returns: The turn; `nil` where there is none.
    func undo() async throws -> Turn? {
        guard let last = turns.last else { return nil }
        try await mark(last.id, .undone)
        turns.removeLast()
        return last
    }

    /// Forgets all turns.
    func reset() async throws {
        guard let last = turns.last else { return }
        try await mark(last.id, .reset)
        turns = []
    }

    private func mark(_ id: String, _ mark: Mark) async throws {
        try await store.journal(of: id).record(RunEvent(.log, name: mark.rawValue))
    }
}
