import Agents
import Foundation
import LanguageModels
import Workflow

/// A task as it goes on, in lines for people: the fold of its journal, as far as it has been seen.
struct TaskProgress: Sendable {
    struct Line: Sendable, Hashable {
        var text: String
        var style: Terminal.Style
    }

    private(set) var snapshot: TaskSnapshot
    /// What the model asked for last.
    private(set) var lastAction: String?
    /// US dollars so far; `nil` once a call had no known price.
    private(set) var cost: Double? = 0
    private var startedAt: Date?

    init(id: String) {
        snapshot = TaskSnapshot(id: id)
    }

    /// Folds one more entry in.
    ///
    /// - Returns: The lines that it adds.
    /// - Throws: `DecodingError` where the entry is not one of a task.
    mutating func apply(_ entry: JournalEntry) throws -> [Line] {
        guard entry.sequence > snapshot.sequence else { return [] }
        try snapshot.apply(entry)
        let event = entry.event
        switch event.kind {
        case .started:
            startedAt = startedAt ?? entry.time
        case .log:
            return event.detail.map { [Line(text: $0.printable(limit: 500), style: Self.style(ofLog: $0))] } ?? []
        case .effectFinished where event.name == "model":
            guard let call: ModelCallRecord = try event.payload?.decode() else { return [] }
            cost = cost.flatMap { cost in call.costUSD.map { cost + $0 } }
            return lines(for: call)
        default: break
        }
        return []
    }

    private mutating func lines(for call: ModelCallRecord) -> [Line] {
        var lines: [Line] = []
        let text = call.reply.turn.text.printable()
        if text.contains(where: { !$0.isWhitespace }) { lines.append(Line(text: "  " + text, style: .plain)) }
        for toolCall in call.reply.turn.toolCalls {
            let action = toolCall.action
            lastAction = action
            lines.append(Line(text: "    " + action, style: .dim))
        }
        return lines
    }

    private static func style(ofLog line: String) -> Terminal.Style {
        line.hasPrefix("FAILED") ? .red : .bold
    }

    /// The line that changes while the task goes on.
    func status(at now: Date) -> String {
        var parts = [snapshot.stage ?? snapshot.status.rawValue]
        if let startedAt { parts.append(now.timeIntervalSince(startedAt).clock) }
        parts.append(snapshot.steps == 1 ? "1 step" : "\(snapshot.steps) steps")
        if let cost, cost > 0 { parts.append(cost.dollars) }
        if let lastAction { parts.append(lastAction) }
        return parts.joined(separator: " · ")
    }
}

/// What the journal keeps of a model call.
private struct ModelCallRecord: Decodable {
    var reply: ModelReply
    var costUSD: Double?

    enum CodingKeys: String, CodingKey {
        case reply
        case costUSD = "cost_usd"
    }
}

extension ToolCall {
    /// What the model wants done, in a few words.
    fileprivate var action: String {
        guard case .object(let arguments) = arguments else { return "\(name.printable()) (malformed arguments)" }
        func argument(_ key: String) -> String { arguments[key]?.string?.printable(limit: 120) ?? "" }
        return switch name {
        case "bash": "$ " + argument("command")
        case "view_file": "read " + argument("path")
        case "list_files": "list " + (argument("path").isEmpty ? "." : argument("path"))
        case "search": "search “\(argument("pattern"))”"
        case "edit_file": "edit " + argument("path")
        case "write_file": "write " + argument("path")
        case "submit_plan": "hand in the plan"
        case "submit": "hand in the change"
        case "submit_review": arguments["approved"]?.bool == true ? "approve" : "ask for changes"
        default: name.printable()
        }
    }
}

extension Double {
    /// Seconds as `m:ss` or `h:mm:ss`.
    var clock: String {
        let seconds = Int(max(0, self))
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(seconds % 60))" : "\(minutes):\(two(seconds % 60))"
    }

    /// US dollars, with as many places as a small sum needs.
    var dollars: String {
        "$" + formatted(.number.precision(.fractionLength(self < 1 ? 4 : 2)).locale(Locale(identifier: "en_US_POSIX")))
    }
}
