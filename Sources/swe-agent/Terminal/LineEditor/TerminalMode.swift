import Foundation

/// How a terminal hands on what is typed; restores what it was when it is no longer needed.
struct TerminalMode: Sendable {
    private let descriptor: Int32
    private let original: termios

    /// `nil` where the descriptor is no terminal.
    init?(_ descriptor: Int32) {
        var settings = termios()
        guard isatty(descriptor) == 1, tcgetattr(descriptor, &settings) == 0 else { return nil }
        self.descriptor = descriptor
        original = settings
    }

    /// Every key as it is typed, none shown, and none a signal.
    func edit() {
        set { settings in
            settings.c_lflag &= ~tcflag_t(ISIG)
        }
    }

    /// Keys wait unseen until they are read; Ctrl-C is a signal.
    func run() {
        set { settings in
            settings.c_lflag |= tcflag_t(ISIG)
            withUnsafeMutableBytes(of: &settings.c_cc) { keys in
                // A program that stops leaves the terminal without echo.
                keys[Int(VSUSP)] = 0
                keys[Int(VQUIT)] = 0
            }
        }
    }

    func restore() {
        var settings = original
        tcsetattr(descriptor, TCSANOW, &settings)
    }

    private func set(_ change: (inout termios) -> Void) {
        var settings = original
        settings.c_iflag &= ~tcflag_t(ICRNL | INLCR | IGNCR | IXON | ISTRIP)
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO | IEXTEN)
        settings.c_oflag |= tcflag_t(OPOST | ONLCR)
        withUnsafeMutableBytes(of: &settings.c_cc) { keys in
            keys[Int(VMIN)] = 1
            keys[Int(VTIME)] = 0
        }
        change(&settings)
        tcsetattr(descriptor, TCSANOW, &settings)
    }

    /// The size of the window; what nobody has told yet, as before someone attaches, counts as 80 × 24.
    var size: TerminalSize {
        var window = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &window) == 0 else { return TerminalSize(columns: 80, rows: 24) }
        return TerminalSize(
            columns: window.ws_col > 1 ? Int(window.ws_col) : 80, rows: window.ws_row > 0 ? Int(window.ws_row) : 24)
    }
}
