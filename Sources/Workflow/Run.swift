/// A run as its nodes see it: the way to touch the outside world so that it happens once.
///
/// A node is straight-line code. Whatever it does outside its own memory goes through ``effect(_:kind:settle:_:)``; after a
/// crash the node's code runs again from its top, and every effect that had finished returns its recorded outcome instead
/// of happening again. So between two effects a node must decide by its state and by outcomes alone: no clock, no random
/// numbers, no files read directly.
public actor Run {
    private let journal: any Journal
    private let history: History
    private let scope: String
    private var position = 0

    init(journal: any Journal, history: History, scope: String) {
        self.journal = journal
        self.history = history
        self.scope = scope
    }

    /// What the journal holds of one node visit, by key.
    struct History: Sendable {
        var started: [String: String] = [:]
        var outcomes: [String: RunEvent] = [:]
        var answers: [String: JSONText] = [:]
    }

    /// How an effect may be repeated.
    public enum EffectKind: Sendable {
        /// Doing it again does no harm: a model call, a read. It starts without waiting for the disk.
        case repeatable
        /// It changes the world. That it began, and with it every earlier outcome, is on disk before it begins.
        case once
    }

    /// Does something outside the run's own memory, or returns what came of it before the crash.
    ///
    /// - Parameters:
    ///   - name: What it is, for readers of the journal and to notice code that changed since.
    ///   - kind: Whether it may be repeated after a crash in its midst.
    ///   - settle: Looks whether an effect that began before a crash had happened all the same (is the branch pushed? did
    ///     the command end?) and returns its outcome; `nil` has it done again.
    ///   - body: Does it.
    /// - Returns: The outcome of now or of then.
    /// - Throws: ``EffectFailure`` for every error of `body`, now and when replayed; `CancellationError` is not recorded.
    public nonisolated func effect<Outcome: Codable & Sendable>(
        _ name: String,
        kind: EffectKind = .repeatable,
        settle: (() async throws -> Outcome?)? = nil,
        _ body: () async throws -> Outcome
    ) async throws -> Outcome {
        try await effect(name, kind: kind, settle: settle.map { settle in { _ in try await settle() } }) { _ in
            try await body()
        }
    }

    /// As ``effect(_:kind:settle:_:)``, with the effect's key, which is unique within the run and the same after a restart.
    public nonisolated func effect<Outcome: Codable & Sendable>(
        _ name: String,
        kind: EffectKind = .repeatable,
        settle: ((_ key: String) async throws -> Outcome?)? = nil,
        _ body: (_ key: String) async throws -> Outcome
    ) async throws -> Outcome {
        let key = await nextKey()
        if let recorded = try replay(key, name) {
            if recorded.kind == .effectFailed {
                throw try recorded.payload?.decode(EffectFailure.self) ?? EffectFailure(kind: "unknown", message: name)
            }
            return try (recorded.payload ?? JSONText(verbatim: "null")).decode()
        }
        try Task.checkCancellation()
        let outcome: Outcome
        do {
            if history.started[key] != nil, let settle, let settled = try await settle(key) {
                outcome = settled
            } else {
                let start = RunEvent(.effectStarted, key: key, name: name)
                if kind == .once {
                    try await journal.record(start)
                } else {
                    try await journal.append(start)
                    // The outcomes before it go to disk while it is under way.
                    await journal.flush()
                }
                outcome = try await body(key)
            }
        } catch {
            // Neither a cancellation nor a lost journal says anything about the effect.
            if error is CancellationError || error is JournalError || Task.isCancelled { throw error }
            let failure = EffectFailure(error)
            try await journal.append(RunEvent(.effectFailed, key: key, name: name, payload: JSONText(failure)))
            throw failure
        }
        try await journal.append(RunEvent(.effectFinished, key: key, name: name, payload: JSONText(outcome)))
        return outcome
    }

    /// As ``effect(_:kind:settle:_:)``, for an effect whose only outcome is that it happened.
    public nonisolated func effect(
        _ name: String, kind: EffectKind = .repeatable, _ body: () async throws -> Void
    ) async throws {
        let _: Done = try await effect(name, kind: kind) { _ in
            try await body()
            return Done()
        }
    }

    private struct Done: Codable, Sendable {}

    /// Writes a line for people, once however often the node's code runs again.
    public nonisolated func log(_ line: String) async throws {
        let key = await nextKey()
        guard try replay(key, "log") == nil else { return }
        try await journal.append(RunEvent(.log, key: key, name: "log", detail: line))
    }

    /// Asks a person, and ends this execution of the run until the answer is there.
    ///
    /// - Returns: The answer, once ``RunEvent/Kind/answered`` with this key is in the journal and the run is executed again.
    /// - Throws: ``Interruption`` while there is no answer.
    public nonisolated func interrupt<Question: Codable & Sendable, Answer: Codable & Sendable>(
        _ question: Question, expecting: Answer.Type = Answer.self
    ) async throws -> Answer {
        let key = await nextKey()
        if let answer = history.answers[key] { return try answer.decode() }
        if history.started[key] == nil {
            try await journal.record(
                RunEvent(.interrupted, key: key, name: "interrupt", payload: JSONText(question)))
        }
        throw Interruption(key: key)
    }

    /// A run within this one for work beside other work: its effects are told apart by `name`, whatever their order.
    public nonisolated func scoped(_ name: String) -> Run {
        Run(journal: journal, history: history, scope: "\(scope)/\(name)")
    }

    private func nextKey() -> String {
        position += 1
        return "\(scope)/\(position)"
    }

    private nonisolated func replay(_ key: String, _ name: String) throws -> RunEvent? {
        if let began = history.started[key], began != name {
            throw WorkflowError.diverged(key: key, recorded: began, now: name)
        }
        return history.outcomes[key]
    }
}

/// An effect that failed, as the journal keeps it.
///
/// Code that handles failures sees this type when it happens and when it is replayed, and so decides the same both times.
public struct EffectFailure: Error, Codable, Sendable, Hashable, CustomStringConvertible {
    /// What failed, for code: a ``FailureKind`` of the error, else its type's name.
    public var kind: String
    /// What failed, in one sentence for people.
    public var message: String

    public init(kind: String, message: String) {
        self.kind = kind
        self.message = message
    }

    init(_ error: any Error) {
        if let failure = error as? EffectFailure {
            self = failure
        } else {
            kind = (error as? any FailureKind)?.failureKind ?? "\(type(of: error))"
            message = "\(error)"
        }
    }

    public var description: String { message }
}

/// An error with a stable name that survives the journal.
public protocol FailureKind: Error {
    var failureKind: String { get }
}

/// A run that waits for a person; not a failure.
public struct Interruption: Error, Sendable, Hashable {
    /// The key that the `answered` event must bear.
    public var key: String
}

/// The journal could not be written or read: the run stops where it is and goes on when the store is well again.
public struct JournalError: Error, Sendable, CustomStringConvertible {
    public var description: String

    public init(_ description: String) {
        self.description = description
    }
}

/// What is wrong with a graph, or with a journal for the graph that reads it.
public enum WorkflowError: Error, Sendable, Hashable, CustomStringConvertible {
    case undeclaredNode(String)
    case declaredTwice(String)
    case unreachableNode(String)
    case noWayOut(String)
    case unknownSuccessor(node: String, successor: String)
    /// A node was entered more often than it may be.
    case visitLimit(node: String, limit: Int)
    /// The code makes another effect than the one the journal holds at this place.
    case diverged(key: String, recorded: String, now: String)

    public var description: String {
        switch self {
        case .undeclaredNode(let node): "the graph has an edge to “\(node)”, which is not a node"
        case .declaredTwice(let node): "the node “\(node)” is declared twice"
        case .unreachableNode(let node): "no edge leads to the node “\(node)”"
        case .noWayOut(let node): "the node “\(node)” has no edge out of it"
        case .unknownSuccessor(let node, let successor):
            "“\(node)” chose “\(successor)”, which none of its edges leads to"
        case .visitLimit(let node, let limit): "“\(node)” was reached more than \(limit) times"
        case .diverged(let key, let recorded, let now):
            "the journal holds “\(recorded)” at \(key) where the program now does “\(now)”: it was written by another version"
        }
    }
}
