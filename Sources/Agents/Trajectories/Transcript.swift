import Foundation
import LanguageModels
import Workflow

/// The conversations of a task, read from its journal: what every trajectory format is written from.
struct Transcript {
    struct Conversation {
        var name: String
        var turns: [Turn] = []
    }

    struct Turn {
        var time: Date
        /// The system prompt, with the first turn.
        var system: String?
        /// What was said to the model before it answered.
        var said: [String]
        var call: ModelCall
        var outputs: [ToolOutput] = []
    }

    private(set) var conversations: [Conversation] = []
    private(set) var snapshot: TaskSnapshot

    /// - Throws: `DecodingError` where the journal is not one of a task.
    init(_ id: String, _ entries: [JournalEntry]) throws {
        snapshot = TaskSnapshot(id: id)
        for entry in entries {
            try snapshot.apply(entry)
            guard entry.event.kind == .effectFinished, let name = entry.event.name, let payload = entry.event.payload
            else { continue }
            if name == ModelCall.effectName {
                add(try payload.decode(), at: entry.time)
            } else if name.hasPrefix("tool ") {
                let record: ToolRecord = try payload.decode()
                guard let place = conversations.firstIndex(where: { $0.name == record.conversation }) else { continue }
                conversations[place].turns[conversations[place].turns.count - 1].outputs.append(record.output)
            }
        }
    }

    private mutating func add(_ call: ModelCall, at time: Date) {
        let turn = Turn(time: time, system: call.system, said: call.said ?? [], call: call)
        if let place = conversations.firstIndex(where: { $0.name == call.conversation }) {
            conversations[place].turns.append(turn)
        } else {
            conversations.append(Conversation(name: call.conversation, turns: [turn]))
        }
    }
}
