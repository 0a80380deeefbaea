import Foundation
import Workflow

/// Shows a task while it goes on: lines that stay, and on a terminal one below them that changes.
actor ProgressDisplay {
    private static let spinner: [Character] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]
    private static let clearLine = "\r\u{1B}[2K"

    private let terminal: Terminal
    private var progress: TaskProgress
    private var frame = 0
    private var isDrawn = false

    init(id: String, on terminal: Terminal) {
        self.terminal = terminal
        progress = TaskProgress(id: id)
    }

    /// Shows a journal as it comes, to its end.
    ///
    /// - Returns: The task at the end.
    /// - Throws: What the sequence throws, or `DecodingError`.
    func follow<Entries: AsyncSequence & Sendable>(_ entries: Entries) async throws -> TaskProgress
    where Entries.Element == JournalEntry {
        defer { erase() }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                for try await entry in entries { try await self.show(entry) }
            }
            if terminal.isInteractive {
                group.addTask {
                    while true {
                        await self.draw()
                        try await Task.sleep(for: .milliseconds(100))
                    }
                }
            }
            try await group.next()
            return progress
        }
    }

    private func show(_ entry: JournalEntry) throws {
        let lines = try progress.apply(entry)
        guard !lines.isEmpty else { return }
        erase()
        for line in lines { terminal.print(line.text, line.style) }
    }

    /// Draws the line that changes. Without automatic wrapping (DECAWM), so that a long one stays one line.
    private func draw() {
        frame = (frame + 1) % Self.spinner.count
        let status = "\(Self.spinner[frame]) \(progress.status(at: Date()))"
        terminal.write("\u{1B}[?7l\(Self.clearLine)\(terminal.styled(status, .cyan))\u{1B}[?7h")
        isDrawn = true
    }

    private func erase() {
        guard isDrawn else { return }
        terminal.write(Self.clearLine)
        isDrawn = false
    }
}
