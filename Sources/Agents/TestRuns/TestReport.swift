public import Sandboxes

/// How a run of the tests ended, as evidence.
public struct TestReport: Codable, Sendable, Hashable {
    public var command: String
    /// `nil` where the run was killed.
    public var exitCode: Int?
    public var timedOut: Bool
    /// Seconds from start to end.
    public var seconds: Double
    /// What the output says of single tests; `nil` where it is in no known form, or the telling part was cut out.
    public var counts: TestCounts?
    /// The end of the output, for people and models to read.
    public var outputTail: String

    private enum CodingKeys: String, CodingKey {
        case command, seconds, counts
        case exitCode = "exit_code"
        case timedOut = "timed_out"
        case outputTail = "output_tail"
    }

    /// Reads a report from how the command ended.
    public init(command: String, outcome: CommandOutcome) {
        self.command = command
        exitCode = outcome.exitCode
        timedOut = outcome.timedOut
        seconds = outcome.seconds
        counts = TestOutputReader(outcome.output, isCut: outcome.omittedBytes > 0).counts
        outputTail = String(decoding: outcome.output.utf8.suffix(Self.tailLength), as: UTF8.self)
    }

    /// Whether the tests ran and none failed.
    public var succeeded: Bool { exitCode == 0 }

    private static let tailLength = 4000

    /// Runs the tests and reads their output.
    ///
    /// They run in a subshell, so the agent's shell stays in its directory, but with the shell's variables.
    ///
    /// - Parameters:
    ///   - command: What bash runs.
    ///   - directory: The repository, as commands in the sandbox see it.
    ///   - id: Set where the tests must not run twice; see ``SandboxCommand/id``.
    /// - Throws: ``SandboxError``, or `CancellationError`.
    public static func run(
        _ command: String, in sandbox: any Sandbox, directory: String, timeout: Duration, id: String? = nil
    ) async throws -> TestReport {
        let script = "( set +eu; cd -- \(directory.shellQuoted) && eval \(command.shellQuoted) )"
        let outcome = try await sandbox.run(
            SandboxCommand(script, timeout: timeout, outputLimit: 1 << 20, id: id))
        return TestReport(command: command, outcome: outcome)
    }
}
