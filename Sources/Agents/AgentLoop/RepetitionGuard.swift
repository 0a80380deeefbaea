import LanguageModels

/// Notices a model that goes in circles: the same actions with the same outcomes, or one error after the other.
struct RepetitionGuard: Sendable {
    /// After this many repetitions of a cycle the model is told, and after that many the task is broken off.
    static let warnAfter = 3
    static let breakAfter = 5
    /// This many failed turns in a row, of whatever kind, break the task off.
    static let mostErrors = 10
    private static let longestCycle = 3

    private var history: [Int] = []
    private var errors = 0

    /// Takes note of a turn and what came of it.
    ///
    /// - Returns: A warning to give the model, once per circle.
    /// - Throws: ``TaskFailure`` with code ``TaskFailure/Code/noProgress``.
    mutating func observe(_ turn: AssistantTurn, _ outputs: [ToolOutput]) throws -> String? {
        history.append(signature(turn, outputs))
        errors = outputs.contains { !$0.isError } ? 0 : errors + 1
        guard errors < Self.mostErrors else {
            throw TaskFailure(
                .noProgress,
                "\(errors) turns in a row failed, the last with: \(outputs.last?.content.firstLine ?? "no tool was called")"
            )
        }
        for cycle in 1...Self.longestCycle {
            let repeats = repeats(ofCycle: cycle)
            if repeats >= Self.breakAfter {
                throw TaskFailure(
                    .noProgress,
                    "the model did the same \(repeats) times with the same outcome: \(describe(turn))")
            }
            if repeats == Self.warnAfter, history.count % cycle == 0 || cycle == 1 {
                return
                    "You have now done the same \(repeats) times with the same outcome (\(describe(turn))). Do something else."
            }
        }
        return nil
    }

    private func signature(_ turn: AssistantTurn, _ outputs: [ToolOutput]) -> Int {
        var hasher = Hasher()
        for call in turn.toolCalls {
            hasher.combine(call.name)
            hasher.combine(call.arguments)
        }
        if turn.toolCalls.isEmpty { hasher.combine(turn.text) }
        for output in outputs { hasher.combine(output.content) }
        return hasher.finalize()
    }

    /// How often the last `cycle` turns stand at the end of the history, one after the other.
    private func repeats(ofCycle cycle: Int) -> Int {
        let pattern = history.suffix(cycle)
        guard pattern.count == cycle, cycle == 1 || Set(pattern).count > 1 else { return 0 }
        var count = 0
        var rest = history[...]
        while rest.suffix(cycle).elementsEqual(pattern) {
            count += 1
            rest = rest.dropLast(cycle)
        }
        return count
    }

    private func describe(_ turn: AssistantTurn) -> String {
        guard let call = turn.toolCalls.first else { return "a reply without a tool call" }
        guard case .object(let arguments) = call.arguments else { return call.name }
        // What tells calls of a tool apart best, else what comes first by its name.
        let names = ["command", "path"] + arguments.keys.sorted()
        let telling = names.lazy.compactMap { arguments[$0]?.string }.first
        return telling.map { "\(call.name) \($0.firstLine)" } ?? call.name
    }
}

extension String {
    /// The first line, shortened to what fits in a message.
    var firstLine: String {
        let line = split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        return line.count > 120 ? line.prefix(117) + "..." : line
    }
}
