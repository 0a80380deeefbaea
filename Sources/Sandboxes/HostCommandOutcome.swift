/// How a ``HostCommand`` ended.
public struct HostCommandOutcome: Sendable, Hashable {
    /// The exit code, 128 + signal after a signal; `nil` after a timeout.
    public var exitCode: Int?
    /// The bytes of standard output, up to the limit.
    public var stdout: [UInt8]
    /// The bytes of standard error, up to the limit.
    public var stderr: [UInt8]
    /// Whether more was printed than the limit keeps.
    public var truncated: Bool
    /// Whether the program was killed at its timeout.
    public var timedOut = false
    /// Whether processes of its group were still there when the program had ended; they are killed.
    var leftProcesses = false

    public var succeeded: Bool { exitCode == 0 }
    /// ``stdout`` as text, with invalid UTF-8 repaired.
    public var output: String { String(decoding: stdout, as: UTF8.self) }
    /// ``stderr`` as text, with invalid UTF-8 repaired.
    public var errorOutput: String { String(decoding: stderr, as: UTF8.self) }
}
