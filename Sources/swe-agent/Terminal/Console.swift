import Foundation
import UnixSignals

/// Whoever sits at standard input: reads what is entered, and notices Ctrl-C and other signals.
///
/// On a terminal a line is edited by ``LineEditor``; from a pipe or a file each line is one entry.
actor Console {
    /// What came of asking for an entry.
    enum Entry: Sendable, Hashable {
        case text(String)
        case endOfInput
        /// Ctrl-C for the second time.
        case interrupted
        case terminated(UnixSignal)
    }

    /// Why a body was broken off.
    enum BreakOff: Error, Hashable {
        case interrupted
        case terminated(UnixSignal)
    }

    private enum Event: Sendable {
        case bytes([UInt8])
        case endOfInput
        case signal(UnixSignal)
    }

    /// Whether lines are edited on a terminal.
    nonisolated let isInteractive: Bool
    private nonisolated let mode: TerminalMode?
    private nonisolated let output = Terminal.output
    private nonisolated let reader: InputReader
    private var history: InputHistory

    /// What has come and no entry has taken: bytes of lines, or keys.
    private var pending: [UInt8] = []
    private var keys: [Key] = []
    private var isAskedFor = false
    private var isAtEnd = false
    private var terminatedBy: UnixSignal?
    /// Set by a Ctrl-C, until anything else is typed: the next one leaves.
    private var wasInterrupted = false

    private struct Editing {
        var editor: LineEditor
        var display: LineDisplay
        var prompt: String
    }

    private var editing: Editing?
    private var decoder = KeyDecoder()
    private var waiter: CheckedContinuation<Entry, Never>?
    /// Breaks off what runs now.
    private var running: AsyncStream<BreakOff>.Continuation?

    private init(history: InputHistory) {
        mode = output.isInteractive ? TerminalMode(STDIN_FILENO) : nil
        isInteractive = mode != nil
        self.history = history
        reader = InputReader(descriptor: STDIN_FILENO)
    }

    /// Opens the console while `body` runs, and leaves the terminal as it was.
    static func withConsole<Result: Sendable>(
        history: InputHistory, _ body: @escaping @Sendable (Console) async throws -> Result
    ) async throws -> Result {
        let console = Console(history: history)
        defer { console.mode?.restore() }
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup, .sigwinch)
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                for await signal in signals { await console.handle(.signal(signal)) }
                return nil
            }
            group.addTask {
                for await bytes in console.reader.pieces { await console.handle(.bytes(bytes)) }
                await console.handle(.endOfInput)
                return nil
            }
            group.addTask { try await body(console) }
            while let ended = try await group.next() {
                if let result = ended { return result }
            }
            throw CancellationError()
        }
    }

    // MARK: - Entries

    /// Waits for the next entry.
    func read(prompt: String) async -> Entry {
        if let terminatedBy { return .terminated(terminatedBy) }
        mode?.edit()
        if isInteractive { output.write("\u{1B}[?2004h") }
        return await withCheckedContinuation { continuation in
            // Looked at once more, as the signal may come before this is called.
            if let terminatedBy { return continuation.resume(returning: .terminated(terminatedBy)) }
            waiter = continuation
            begin(prompt)
        }
    }

    private func begin(_ prompt: String) {
        defer { advance() }
        guard isInteractive else { return }
        let display = LineDisplay(prompt: prompt) { [output] in output.styled($0, .bold) }
        editing = Editing(editor: LineEditor(history: history.entries), display: display, prompt: prompt)
    }

    private func answer(_ entry: Entry) {
        if isInteractive { output.write("\u{1B}[?2004l") }
        if case .text(let text) = entry { history.add(text) }
        editing = nil
        waiter?.resume(returning: entry)
        waiter = nil
    }

    private func handle(_ event: Event) {
        switch event {
        case .bytes(let bytes):
            isAskedFor = false
            pending += bytes
        case .endOfInput: isAtEnd = true
        case .signal(.sigwinch):
            draw()
            return
        case .signal(.sigint):
            interrupt()
            return
        case .signal(let signal):
            terminatedBy = signal
            running?.yield(.terminated(signal))
            if waiter != nil { answer(.terminated(signal)) }
            return
        }
        advance()
    }

    /// Goes on with the entry that is waited for.
    private func advance() {
        guard waiter != nil else { return }
        if editing != nil { edit() } else { readLine() }
        guard waiter != nil else { return }
        if isAtEnd { return answer(.endOfInput) }
        guard !isAskedFor else { return }
        isAskedFor = true
        reader.more()
    }

    private func readLine() {
        // The last line may have no end of its own.
        let last = isAtEnd && !pending.isEmpty ? pending.endIndex : nil
        guard let end = pending.firstIndex(of: UInt8(ascii: "\n")) ?? last else { return }
        let line = String(decoding: pending[..<end], as: UTF8.self)
        pending.removeFirst(min(end + 1, pending.count))
        answer(.text(line.last == "\r" ? String(line.dropLast()) : line))
    }

    private func edit() {
        keys += decoder.decode(pending)
        pending = []
        var count = 0
        for key in keys {
            count += 1
            guard let ending = editing?.editor.press(key) else {
                wasInterrupted = false
                continue
            }
            finishLine()
            // What was typed ahead is the next entry's.
            keys.removeFirst(count)
            switch ending {
            case .entered(let text):
                wasInterrupted = false
                return answer(.text(text))
            case .endOfInput: return answer(.endOfInput)
            case .interrupted: return interrupt()
            }
        }
        keys = []
        draw()
    }

    /// Ctrl-C: ends what runs; without that it empties the line; a second one leaves.
    private func interrupt() {
        if let running {
            if wasInterrupted {
                // Whatever still runs ends with this process.
                mode?.restore()
                exit(130)
            }
            wasInterrupted = true
            running.yield(.interrupted)
        } else if let editing {
            if wasInterrupted || !isInteractive { return answer(.interrupted) }
            // Only on an empty line does the next one leave.
            wasInterrupted = editing.editor.text.isEmpty
            if wasInterrupted { output.print("Ctrl-C once more leaves, as do exit and Ctrl-D", .dim) }
            begin(editing.prompt)
        } else if waiter != nil {
            answer(.interrupted)
        }
    }

    // MARK: - Drawing

    private func draw() {
        guard var editing, let mode else { return }
        var text = ""
        if editing.editor.clearsScreen {
            editing.editor.clearsScreen = false
            text = editing.display.erase(on: mode.size) + "\u{1B}[H\u{1B}[2J"
        }
        text += editing.display.draw(editing.editor, on: mode.size)
        output.write(text)
        self.editing = editing
    }

    /// Shows the line once more with the cursor behind it, and goes to the next row.
    private func finishLine() {
        guard var editing, let mode else { return }
        editing.editor.moveToEnd()
        output.write(editing.display.draw(editing.editor, on: mode.size) + "\r\n")
        self.editing = editing
    }

    // MARK: - Running

    /// Runs `body`; Ctrl-C and a signal to end cancel it.
    ///
    /// - Throws: ``BreakOff`` once the body has ended after that, or what the body throws.
    func interruptible<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
        if let terminatedBy { throw BreakOff.terminated(terminatedBy) }
        let (reasons, reason) = AsyncStream<BreakOff>.makeStream()
        running = reason
        wasInterrupted = false
        mode?.run()
        defer { running = nil }
        return try await withThrowingTaskGroup(of: Result.self) { group in
            defer { group.cancelAll() }
            group.addTask(operation: body)
            group.addTask {
                for await reason in reasons { throw reason }
                throw CancellationError()
            }
            do {
                guard let result = try await group.next() else { throw CancellationError() }
                return result
            } catch let reason as BreakOff {
                group.cancelAll()
                while let ended = await group.nextResult() { _ = ended }
                throw reason
            }
        }
    }
}

/// Reads a descriptor on a thread of its own, as reading blocks: a piece only when it is asked for, so that what nobody
/// wants yet stays where it is.
private final class InputReader: Sendable {
    let pieces: AsyncStream<[UInt8]>
    private let demand = DispatchSemaphore(value: 0)

    init(descriptor: Int32) {
        let (pieces, continuation) = AsyncStream<[UInt8]>.makeStream()
        self.pieces = pieces
        // The thread lives as long as the program: nothing can wake a read but input.
        let thread = Thread { [demand] in
            while true {
                demand.wait()
                guard let piece = Self.read(descriptor) else { break }
                continuation.yield(piece)
            }
            continuation.finish()
        }
        thread.name = "standard input"
        thread.start()
    }

    /// Asks for the next piece.
    func more() {
        demand.signal()
    }

    /// Waits for input; `nil` at its end.
    private static func read(_ descriptor: Int32) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            // The shell may have left the descriptor non-blocking.
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            _ = poll(&request, 1, -1)
            let count = Foundation.read(descriptor, &buffer, buffer.count)
            if count > 0 { return Array(buffer[..<count]) }
            guard count < 0, errno == EINTR || errno == EAGAIN else { return nil }
        }
    }
}
