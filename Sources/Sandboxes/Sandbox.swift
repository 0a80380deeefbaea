/// A place where the commands of one task run, apart from the host and from other tasks.
///
/// To add a kind of sandbox, write one file with a ``SandboxProvider`` and a `Sandbox`: a shell that keeps its state
/// between commands is all that is needed; files are read and written through it unless the kind knows a faster way.
public protocol Sandbox: Sendable {
    /// The directory, as commands in the sandbox see it, that belongs to the task. Commands start in it.
    var workspace: String { get }

    /// Runs a command in the sandbox's persistent shell: working directory, variables and functions stay for the next.
    ///
    /// At the timeout, and when the calling task is cancelled, *all* processes of the sandbox are killed, and the next command
    /// gets a fresh shell in the same directory.
    ///
    /// - Returns: The outcome, whatever the exit code. A timeout is an outcome, not an error.
    /// - Throws: ``SandboxError`` where the sandbox itself failed, or `CancellationError`.
    func run(_ command: SandboxCommand) async throws -> CommandOutcome

    /// Looks whether a command that was begun before a crash had ended, by the id it was given.
    ///
    /// - Returns: The recorded outcome, or `nil` where the command never ended.
    func outcome(ofCommand id: String) async throws -> CommandOutcome?

    /// Reads a file of the sandbox.
    ///
    /// - Throws: ``SandboxError`` with kind `.notFound`, `.isDirectory`, `.tooLarge` or `.failed`.
    func readFile(_ path: String, limit: Int) async throws -> [UInt8]

    /// Writes a file of the sandbox, with the folders it needs; an existing file keeps its mode.
    func writeFile(_ path: String, _ contents: [UInt8]) async throws

    /// Makes a bare repository of the host readable in the sandbox, and never writable.
    ///
    /// - Returns: The path that commands in the sandbox clone from.
    func provide(repository hostPath: String) async throws -> String

    /// Starts what commands need, so that the first one does not have to wait for it. Nothing depends on this call.
    ///
    /// - Throws: ``SandboxError`` where a command would fail to start, or `CancellationError`.
    func start() async throws

    /// Kills every process of the sandbox. The next command gets a fresh shell.
    func killProcesses() async throws
}

/// Makes sandboxes of one kind.
public protocol SandboxProvider: Sendable {
    /// The kind's name in settings and results: `local`, `k8s`.
    var kind: String { get }

    /// Opens the sandbox of a task, or opens it again after a restart with the files it had, for as long as `body` runs.
    ///
    /// When `body` ends or is cancelled no process of the sandbox is left; its files stay until ``remove(id:)``.
    func withSandbox<Result: Sendable>(
        id: String,
        _ body: @Sendable (any Sandbox) async throws -> Result
    ) async throws -> Result

    /// Removes the files of a task's sandbox. Does nothing where there are none.
    func remove(id: String) async throws

    /// The ids of the sandboxes that are there, so that those are found which a crash kept from being removed.
    func existing() async throws -> [String]
}

extension SandboxProvider {
    /// None: for a kind that cleans up by itself.
    public func existing() async throws -> [String] { [] }
}

/// A command for a ``Sandbox``.
public struct SandboxCommand: Sendable, Hashable {
    /// What bash runs; more than one line is fine.
    public var script: String
    /// The working directory to change to first. `nil` stays where the last command left the shell.
    public var directory: String?
    /// After this the command and all it started are killed.
    public var timeout: Duration
    /// The bytes of output that are kept: half of them from the beginning and half from the end.
    public var outputLimit: Int
    /// Set for a command that must not run twice: its outcome can be asked for by this id after a crash.
    /// Letters, digits, `-`, `_` and `.` only.
    public var id: String?
    /// Called with pieces of output as they arrive, before any cut.
    public var onOutput: (@Sendable ([UInt8]) -> Void)?

    public init(
        _ script: String,
        directory: String? = nil,
        timeout: Duration = .seconds(60),
        outputLimit: Int = 64 * 1024,
        id: String? = nil,
        onOutput: (@Sendable ([UInt8]) -> Void)? = nil
    ) {
        self.script = script
        self.directory = directory
        self.timeout = timeout
        self.outputLimit = outputLimit
        self.id = id
        self.onOutput = onOutput
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.script == right.script && left.directory == right.directory && left.timeout == right.timeout
            && left.outputLimit == right.outputLimit && left.id == right.id
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(script)
        hasher.combine(id)
    }
}

/// How a command ended.
public struct CommandOutcome: Codable, Sendable, Hashable {
    /// The exit code as the shell gives it (128 + signal after a signal); `nil` after a timeout or another kill of all
    /// processes.
    public var exitCode: Int?
    /// Standard output and standard error as they came, with invalid UTF-8 repaired. Where ``omittedBytes`` is not 0, a
    /// line in the middle states the cut.
    public var output: String
    /// The bytes that were left out of the middle of ``output``.
    public var omittedBytes: Int
    /// Whether the command was killed at its timeout.
    public var timedOut: Bool
    /// Whether the shell was lost (`exit`, a kill, a timeout), so that its variables and directory are gone.
    public var shellRestarted: Bool
    /// Seconds from start to end.
    public var seconds: Double

    public init(
        exitCode: Int?,
        output: String,
        omittedBytes: Int = 0,
        timedOut: Bool = false,
        shellRestarted: Bool = false,
        seconds: Double = 0
    ) {
        self.exitCode = exitCode
        self.output = output
        self.omittedBytes = omittedBytes
        self.timedOut = timedOut
        self.shellRestarted = shellRestarted
        self.seconds = seconds
    }

    public var succeeded: Bool { exitCode == 0 }
}

/// What a sandbox could not do.
public struct SandboxError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable {
        /// A program or permission that the kind of sandbox needs is missing.
        case unavailable
        /// The sandbox could not be started or was lost.
        case failed
        case notFound
        case isDirectory
        case tooLarge
    }

    public var kind: Kind
    public var message: String

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { message }
}
