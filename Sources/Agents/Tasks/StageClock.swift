import Foundation
import Workflow

/// How long a task has worked, by stage: the fold of the times in its journal.
///
/// Time in which nobody worked on the task (the service was down, a person was asked) does not count.
struct StageClock {
    private(set) var stages: [String: Duration] = [:]
    var total: Duration { stages.values.reduce(.zero, +) }

    init(_ entries: [JournalEntry]) {
        var stage: String?
        var last: Date?
        for entry in entries {
            if let stage, let last, entry.event.kind != .started, entry.event.kind != .answered {
                stages[stage, default: .zero] += .seconds(max(0, entry.time.timeIntervalSince(last)))
            }
            last = entry.time
            if entry.event.kind == .nodeStarted { stage = entry.event.name }
        }
    }
}
