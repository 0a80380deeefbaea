internal import Foundation

/// Lets a write to a program that has ended fail, instead of ending this process by a signal.
enum BrokenPipes {
    /// Set up once, when it is first evaluated; programs that are started do not inherit it.
    static let areErrors: Void = {
        _ = signal(SIGPIPE, SIG_IGN)
    }()
}
