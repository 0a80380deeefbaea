import Agents
import Foundation
import Workflow

/// The four states that the guide knows.
enum TaskStatus: String, Codable, CaseIterable {
    case queued = "QUEUED"
    case running = "RUNNING"
    case completed = "COMPLETED"
    case failed = "FAILED"

    init(_ status: RunStatus) {
        self =
            switch status {
            case .queued: .queued
            // A task that waits for a person is at work as far as the guide's client can tell; `question` tells more.
            case .running, .waiting: .running
            case .completed: .completed
            case .failed, .cancelled: .failed
            }
    }

    /// The states of runs that are shown as this.
    var runStatuses: Set<RunStatus> {
        Set(RunStatus.allCases.filter { TaskStatus($0) == self })
    }
}

/// A task as `GET /agent/tasks/{id}` shows it: the guide's four fields first, then more.
struct TaskBody: Encodable {
    private let snapshot: TaskSnapshot

    init(_ snapshot: TaskSnapshot) {
        self.snapshot = snapshot
    }

    private enum CodingKeys: String, CodingKey {
        case id, status, logs, result
        case stage, steps, question, request
        case createdAt = "created_at"
        case updatedAt = "updated_at"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(snapshot.id, forKey: .id)
        try container.encode(TaskStatus(snapshot.status), forKey: .status)
        try container.encode(snapshot.logs, forKey: .logs)
        // The patch may be megabytes; it has an address of its own.
        var result = snapshot.result
        result?.patch = nil
        try container.encode(result, forKey: .result)
        try container.encodeIfPresent(snapshot.stage, forKey: .stage)
        try container.encode(snapshot.steps, forKey: .steps)
        try container.encodeIfPresent(snapshot.question?.question, forKey: .question)
        try container.encodeIfPresent(snapshot.request, forKey: .request)
        try container.encodeIfPresent(snapshot.createdAt?.formatted(JournalEntry.timestamps), forKey: .createdAt)
        try container.encodeIfPresent(snapshot.updatedAt?.formatted(JournalEntry.timestamps), forKey: .updatedAt)
    }
}

/// A page of `GET /agent/tasks`.
struct TaskList: Encodable {
    struct Item: Encodable {
        var id: String
        var status: TaskStatus
        /// The goal's first line.
        var goal: String
        var createdAt: String
        var updatedAt: String

        init(_ summary: RunSummary) {
            id = summary.id
            status = TaskStatus(summary.status)
            goal = summary.title
            createdAt = summary.createdAt.formatted(JournalEntry.timestamps)
            updatedAt = summary.updatedAt.formatted(JournalEntry.timestamps)
        }
    }

    var tasks: [Item]
    /// What to give as `cursor` for the next page; `null` on the last.
    var nextCursor: String?
}
