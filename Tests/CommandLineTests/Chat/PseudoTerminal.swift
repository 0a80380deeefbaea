import Foundation
import Subprocess
import Synchronization
import SystemPackage
import Testing

/// The program on a terminal of its own, as a person has it: keys go in, and a ``Screen`` shows what came out.
final class PseudoTerminal {
    /// When the program has ended.
    private final class End: Sendable {
        private let flag = Mutex(false)
        var hasCome: Bool { flag.withLock { $0 } }

        func after<Result: Sendable>(_ result: @autoclosure @Sendable () async throws -> Result) async rethrows
            -> Result
        {
            defer { flag.withLock { $0 = true } }
            return try await result()
        }
    }

    private let end = End()
    private let primary: CInt
    private(set) var screen: Screen
    /// All that was written, with its control sequences.
    private(set) var transcript: [UInt8] = []

    private init(primary: CInt, columns: Int, rows: Int) {
        self.primary = primary
        screen = Screen(columns: columns, rows: rows)
    }

    /// Runs the program while `body` sits at the terminal, and then to its end.
    ///
    /// - Parameter size: The terminal's columns and rows; `nil` for one that nobody has told its size.
    /// - Returns: The exit code, and the terminal at the end.
    static func run(
        _ arguments: [String], environment: [String: String], in directory: String,
        size: (columns: Int, rows: Int)? = (80, 24), _ body: (PseudoTerminal) async throws -> Void
    ) async throws -> (exitCode: Int, terminal: PseudoTerminal) {
        // Not openpty: programs that other tests start at the same time must not inherit the terminal (ioctl_tty(2)).
        let (numberOfTerminal, lockOfTerminal) = (UInt(0x8004_5430), UInt(0x4004_5431))
        let primary = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
        var (number, isLocked): (CInt, CInt) = (0, 0)
        try #require(ioctl(primary, numberOfTerminal, &number) == 0 && ioctl(primary, lockOfTerminal, &isLocked) == 0)
        let secondary = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(secondary >= 0)
        var window = winsize(
            ws_row: UInt16(size?.rows ?? 0), ws_col: UInt16(size?.columns ?? 0), ws_xpixel: 0, ws_ypixel: 0)
        try #require(ioctl(secondary, UInt(TIOCSWINSZ), &window) == 0)
        defer { close(primary) }
        let terminal = PseudoTerminal(primary: primary, columns: size?.columns ?? 80, rows: size?.rows ?? 24)
        let descriptor = FileDescriptor(rawValue: secondary)
        // The terminal is to send signals, for which it must be the session's own.
        let end = terminal.end
        async let ended = end.after(
            Subprocess.run(
                .name("setsid"), arguments: Arguments(["--ctty", "--wait", Program.path] + arguments),
                environment: Program.environment(environment, onTerminal: true), workingDirectory: FilePath(directory),
                input: .fileDescriptor(descriptor, closeAfterSpawningProcess: false),
                output: .fileDescriptor(descriptor, closeAfterSpawningProcess: false),
                error: .fileDescriptor(descriptor, closeAfterSpawningProcess: true)))
        do {
            try await body(terminal)
            try await terminal.readToEnd()
        } catch {
            terminal.hangUp()
            _ = try? await ended
            throw error
        }
        return (try await ended.terminationStatus.code, terminal)
    }

    // MARK: - Sitting at it

    func type(_ keys: String) {
        var bytes = Array(keys.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { write(primary, $0.baseAddress, $0.count) }
            if count > 0 { bytes = bytes.dropFirst(count) } else { usleep(1000) }
        }
    }

    func resize(columns: Int, rows: Int) {
        var window = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(primary, UInt(TIOCSWINSZ), &window)
    }

    /// Sends a signal to whoever has the terminal.
    func send(_ signal: CInt) throws {
        var group: pid_t = 0
        try #require(ioctl(primary, UInt(TIOCGPGRP), &group) == 0 && group > 1)
        kill(-group, signal)
    }

    /// Forgets what was shown, as one who attaches late never saw it.
    func attachAnew(columns: Int, rows: Int) {
        screen = Screen(columns: columns, rows: rows)
        transcript = []
    }

    /// Waits until the screen is as it should be.
    func wait(
        for expectation: String, _ comment: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await wait(sourceLocation: sourceLocation) { $0.text.contains(expectation) }
    }

    func wait(
        sourceLocation: SourceLocation = #_sourceLocation, until isMet: (Screen) -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while !isMet(screen) {
            let hasEnded = end.hasCome
            read()
            if isMet(screen) { return }
            guard !hasEnded, ContinuousClock.now < deadline else {
                Issue.record(
                    "the screen did not become as expected:\n\(screen.text)", sourceLocation: sourceLocation)
                throw CancellationError()
            }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Waits until the screen's last line with anything on it is this.
    func waitForLine(_ line: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await wait(sourceLocation: sourceLocation) { $0.lines.last == line }
    }

    private func readToEnd() async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            let hasEnded = end.hasCome
            read()
            if hasEnded { return }
            guard ContinuousClock.now < deadline else {
                Issue.record("the program did not end:\n\(screen.text)")
                throw CancellationError()
            }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Takes in what is there.
    private func read() {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Foundation.read(primary, &buffer, buffer.count)
            guard count > 0 else { return }
            transcript += buffer[..<count]
            screen.show(Array(buffer[..<count]))
        }
    }

    /// Ends the session as a terminal does that is closed.
    private func hangUp() {
        try? send(SIGKILL)
    }
}
