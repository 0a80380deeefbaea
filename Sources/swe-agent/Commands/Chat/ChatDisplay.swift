import Agents
import Foundation

/// Shows a coding task while it goes on, and how it ended.
///
/// What models and programs write is shown and not obeyed: no control characters reach the terminal.
struct ChatDisplay {
    /// What a program prints is shown live up to this many bytes; the result has its beginning and its end.
    private static let liveLimit = 16 * 1024
    private static let codeBar = "  │ "
    private static let outputBar = "  ┃ "

    private let terminal: Terminal
    /// The bar of the block that is being written, and whether its line has begun.
    private var bar: String?
    private var isInLine = false
    private var decoder = UTF8Pieces()
    private var shownBytes = 0
    private var hasShownCode = false

    init(on terminal: Terminal) {
        self.terminal = terminal
    }

    /// Shows what happens, to its end.
    static func follow(_ events: AsyncStream<CodingEvent>, on terminal: Terminal) async {
        var display = ChatDisplay(on: terminal)
        for await event in events { display.show(event) }
        display.endBlock()
    }

    mutating func show(_ event: CodingEvent) {
        switch event {
        case .began(.generate, _, _):
            head("Generating")
            hasShownCode = false
        case .began(.fix, let attempt, let reason):
            head("Fixing (\(attempt - 1)): \((reason ?? "").printable(limit: 300))")
            hasShownCode = false
        case .began(.check, _, _): break
        case .began(.execute, _, _):
            head("Executing")
            (decoder, shownBytes) = (UTF8Pieces(), 0)
        case .code(let piece):
            hasShownCode = true
            write(piece, bar: Self.codeBar)
        case .generated(let candidates, let tokens, let seconds):
            // Recorded before a restart, so it did not come in pieces.
            if !hasShownCode, let first = candidates.first { write(first, bar: Self.codeBar) }
            let count = candidates.count == 1 ? "" : "\(candidates.count) candidates, "
            note("\(count)\(tokens) tokens, \(seconds.brief)")
        case .checked(let candidates, let programs, let seconds):
            if candidates > 1 {
                note("checked in \(seconds.brief): \(programs == 1 ? "1 program" : "\(programs) different programs")")
            }
        case .output(let bytes): show(output: bytes)
        case .attempted(let attempt): show(attempt)
        case .notice(let line): note(line.printable(limit: 500))
        }
    }

    private mutating func show(output bytes: [UInt8]) {
        let room = Self.liveLimit - shownBytes
        guard room > 0 else { return }
        shownBytes += bytes.count
        write(decoder.text(Array(bytes.prefix(room))), bar: Self.outputBar)
        if shownBytes >= Self.liveLimit { note("… more output follows; the result shows its end") }
    }

    private mutating func show(_ attempt: CodingAttempt) {
        guard let execution = attempt.execution else {
            return note("not a program: \((attempt.failure ?? "").printable(limit: 300))", .red)
        }
        if shownBytes == 0, !execution.output.isEmpty { write(execution.output, bar: Self.outputBar) }
        let ending = execution.exitCode.map { "exit code \($0)" } ?? (execution.timedOut ? "timeout" : "killed")
        note("\(ending), \(execution.seconds.brief)", attempt.failure == nil ? .dim : .red)
    }

    // MARK: - Lines

    private mutating func head(_ text: String) {
        endBlock()
        terminal.print("▸ \(text)", .cyan)
    }

    private mutating func note(_ text: String, _ style: Terminal.Style = .dim) {
        endBlock()
        terminal.print("  \(text)", style)
    }

    private mutating func write(_ text: String, bar: String) {
        if self.bar != bar { endBlock() }
        self.bar = bar
        var output = ""
        for piece in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if piece.offset > 0 {
                if !isInLine { output += terminal.styled(bar, .dim) }
                output += "\n"
                isInLine = false
            }
            guard !piece.element.isEmpty else { continue }
            if !isInLine { output += terminal.styled(bar, .dim) }
            output += String(piece.element).printableLines
            isInLine = true
        }
        terminal.write(output)
    }

    private mutating func endBlock() {
        if isInLine { terminal.write("\n") }
        isInLine = false
        bar = nil
    }
}

extension Terminal {
    /// Prints how a coding task ended: the final program and what it printed, and after a failure every attempt.
    func print(_ result: CodingResult) {
        let total = result.seconds.values.reduce(0, +)
        let stages = CodingStage.allCases.compactMap { stage in
            result.seconds[stage.rawValue].map { "\(stage.rawValue) \($0.brief)" }
        }
        let fixes = max(0, result.attempts.count - 1)
        let after = fixes == 0 ? "" : " after \(fixes == 1 ? "1 fix" : "\(fixes) fixes")"
        print()
        print(
            styled(result.status.rawValue, result.status == .success ? .green : .red)
                + "\(after) in \(total.brief) (\(stages.joined(separator: ", ")))")
        if let error = result.error { print("why: \(error.printable(limit: 1000))") }
        if result.status != .success, result.attempts.count > 1 {
            for attempt in result.attempts {
                print()
                print("Attempt \(attempt.number): \((attempt.failure ?? "works").printable(limit: 1000))", .bold)
                block(attempt.code, bar: "  │ ")
                block(attempt.execution?.output ?? "", bar: "  ┃ ")
            }
        }
        guard !result.attempts.isEmpty else { return }
        print()
        print("Final code:", .bold)
        print(result.code.printableLines)
        print()
        print("Execution output:", .bold)
        let output = result.output.trimmingNewlines
        print(output.isEmpty ? "(none)" : output.printableLines)
    }

    private func block(_ text: String, bar: String) {
        for line in text.trimmingNewlines.split(separator: "\n", omittingEmptySubsequences: false) {
            print(styled(bar, .dim) + String(line).printableLines)
        }
    }
}

/// Makes text of bytes that are cut anywhere: what is not whole waits for the rest.
struct UTF8Pieces: Sendable {
    private var rest: [UInt8] = []

    mutating func text(_ bytes: [UInt8]) -> String {
        rest += bytes
        // At most three bytes at the end can be the beginning of a character.
        let tail = rest.suffix(3)
        var end = rest.count
        if let lead = tail.lastIndex(where: { $0 & 0xC0 != 0x80 }), rest[lead] >= 0xC0 {
            let length = rest[lead] >= 0xF0 ? 4 : rest[lead] >= 0xE0 ? 3 : 2
            if lead + length > rest.count { end = lead }
        }
        defer { rest.removeFirst(end) }
        return String(decoding: rest[..<end], as: UTF8.self)
    }
}

extension String {
    fileprivate var trimmingNewlines: String { trimmingCharacters(in: .newlines) }
}

extension Double {
    /// Seconds for people: `0.05 s`, `12.3 s`, `2:05`.
    var brief: String {
        if self >= 100 { return clock }
        let places = self < 1 ? 2 : 1
        return formatted(.number.precision(.fractionLength(places)).locale(Locale(identifier: "en_US_POSIX"))) + " s"
    }
}
