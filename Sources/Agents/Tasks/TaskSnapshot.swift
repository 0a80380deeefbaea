public import Foundation
public import Workflow

/// Where a task stands: the fold of its journal, and what the API shows.
public struct TaskSnapshot: Sendable {
    public let id: String
    public private(set) var request: TaskRequest?
    public private(set) var status: RunStatus = .queued
    /// The lines for people, oldest first.
    public private(set) var logs: [String] = []
    /// The stage that is at work.
    public private(set) var stage: String?
    /// Model calls so far.
    public private(set) var steps = 0
    /// The question that waits for an answer, with the key that the answer must name.
    public private(set) var question: (key: String, question: PlanQuestion)?
    /// The result; set when the task has ended.
    public private(set) var result: TaskResult?
    public private(set) var createdAt: Date?
    public private(set) var updatedAt: Date?
    /// The last entry that is folded in.
    public private(set) var sequence: Int64 = 0
    /// Whether someone has asked for the task to end.
    public private(set) var cancelRequested = false

    public init(id: String) {
        self.id = id
    }

    /// Folds one more entry in.
    ///
    /// - Throws: `DecodingError` where the journal is not one of a task.
    public mutating func apply(_ entry: JournalEntry) throws {
        let event = entry.event
        sequence = entry.sequence
        updatedAt = entry.time
        status = status.after(event)
        switch event.kind {
        case .submitted:
            request = try event.payload?.decode()
            createdAt = entry.time
        case .nodeStarted: stage = event.name
        case .effectFinished: if event.name == ModelCall.effectName { steps += 1 }
        case .log: if let line = event.detail { logs.append(line) }
        case .interrupted:
            question = try event.key.flatMap { key in try event.payload.map { (key, try $0.decode()) } }
        case .answered: question = nil
        case .cancelRequested: cancelRequested = true
        case .finished:
            stage = nil
            result = try event.payload?.decode()
        case .started, .nodeFinished, .effectStarted, .effectFailed: break
        }
    }
}
