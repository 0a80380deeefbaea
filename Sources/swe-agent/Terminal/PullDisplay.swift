import Foundation
import ModelHub

/// Shows a pull while it goes on: a line for each file, and on a terminal one below them that changes.
actor PullDisplay {
    private static let clearLine = "\r\u{1B}[2K"

    /// `nil` shows nothing.
    private let terminal: Terminal?
    private var progress: PullProgress
    private var isDrawn = false

    init(of id: ModelID, on terminal: Terminal?) {
        self.terminal = terminal
        progress = PullProgress(of: id)
    }

    /// Shows the events that `body` tells of, to its end.
    nonisolated func following<Result: Sendable>(
        _ body: @escaping @Sendable (_ onEvent: @escaping @Sendable (ModelHub.Event) -> Void) async throws -> Result
    ) async throws -> Result {
        let (events, continuation) = AsyncStream.makeStream(of: ModelHub.Event.self)
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                for await event in events { await self.show(event) }
                return nil
            }
            if terminal?.isInteractive == true {
                group.addTask {
                    while !Task.isCancelled {
                        await self.draw()
                        try? await Task.sleep(for: .milliseconds(100))
                    }
                    return nil
                }
            }
            group.addTask {
                defer { continuation.finish() }
                return try await body { continuation.yield($0) }
            }
            do {
                // The events end with the body, so both tasks do; the one that draws never does.
                var result: Result?
                for _ in 0..<2 {
                    if case .some(.some(let value)) = try await group.next() { result = value }
                }
                group.cancelAll()
                await erase()
                guard let result else { throw CancellationError() }
                return result
            } catch {
                group.cancelAll()
                try? await group.waitForAll()
                await erase()
                throw error
            }
        }
    }

    private func show(_ event: ModelHub.Event) {
        let lines = progress.apply(event, at: Date())
        guard let terminal, !lines.isEmpty else { return }
        erase()
        for line in lines { terminal.print(line) }
    }

    /// Draws the line that changes. Without automatic wrapping (DECAWM), so that a long one stays one line.
    private func draw() {
        guard let terminal else { return }
        let status = terminal.styled(progress.status(at: Date()), .cyan)
        terminal.write("\u{1B}[?7l\(Self.clearLine)\(status)\u{1B}[?7h")
        isDrawn = true
    }

    private func erase() {
        guard isDrawn, let terminal else { return }
        terminal.write(Self.clearLine)
        isDrawn = false
    }
}
