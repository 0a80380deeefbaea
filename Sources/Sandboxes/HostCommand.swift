internal import Foundation
internal import Subprocess
internal import SystemPackage

/// A program run on the host itself, outside any sandbox: never for anything that a task or a model wrote.
///
/// It gets the given environment and nothing else, runs in a session of its own, and is killed with its process group
/// at the timeout and when the calling task is cancelled.
public struct HostCommand: Sendable {
    /// A path, or the name of a program that is looked for in the `PATH` of ``environment``.
    public var executable: String
    public var arguments: [String]
    /// All variables that the program sees; nothing is inherited.
    public var environment: [String: String]
    /// The working directory. `nil` is that of this process.
    public var directory: String?
    /// What the program reads on standard input. `nil` reads as empty.
    public var input: [UInt8]?
    public var timeout: Duration
    /// The bytes that are kept of standard output, and as many of standard error; what follows is read and dropped.
    public var outputLimit: Int
    /// What the program works for, such as a data directory. A program whose service was killed goes on alone;
    /// ``killAll(ownedBy:)`` then finds it by this.
    public var owner: String?

    public init(
        executable: String,
        arguments: [String],
        environment: [String: String],
        directory: String? = nil,
        input: [UInt8]? = nil,
        timeout: Duration = .seconds(60),
        outputLimit: Int = 1024 * 1024,
        owner: String? = nil
    ) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.directory = directory
        self.input = input
        self.timeout = timeout
        self.outputLimit = outputLimit
        self.owner = owner
    }

    /// Kills the programs that another process started for an owner and that still run.
    public static func killAll(ownedBy owner: String) {
        ProcessSweep.ofKilledService(marker: ProcessMarker(owner: owner)).killAll()
    }

    /// The programs that compute at once. Hundreds of tasks may want one in the same moment, and no priority is low enough
    /// for so many.
    private static let turnstile = Turnstile(places: 4 * ProcessInfo.processInfo.activeProcessorCount)
    /// How long a program has its place: one that takes longer most likely waits for the network.
    private static let turn: Duration = .milliseconds(250)

    /// Runs the program to its end.
    ///
    /// - Returns: The outcome, whatever the exit code. A timeout is an outcome, not an error.
    /// - Throws: ``SandboxError`` where the program could not be started, or `CancellationError`.
    public func run() async throws -> HostCommandOutcome {
        try await Self.turnstile.enter()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await Task.sleep(for: Self.turn)
                await Self.turnstile.leave()
            }
            defer { group.cancelAll() }
            return try await runMarked()
        }
    }

    private func runMarked() async throws -> HostCommandOutcome {
        let marker = ProcessMarker()
        do {
            let outcome = try await runToTimeout(marker: marker)
            if outcome.timedOut || outcome.leftProcesses { await ProcessSweep(marker: marker).killAllAside() }
            try Task.checkCancellation()
            return outcome
        } catch {
            await ProcessSweep(marker: marker).killAllAside()
            throw error
        }
    }

    private func runToTimeout(marker: ProcessMarker) async throws -> HostCommandOutcome {
        try await withThrowingTaskGroup(of: HostCommandOutcome?.self) { group in
            group.addTask { try await runToEnd(marker: marker) }
            group.addTask {
                try? await Task.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            if let outcome = try await group.next() ?? nil { return outcome }
            // Cancelling kills the program, which then ends with what it has printed so far.
            group.cancelAll()
            guard var outcome = try await group.next() ?? nil else { throw CancellationError() }
            outcome.timedOut = true
            outcome.exitCode = nil
            return outcome
        }
    }

    private func runToEnd(marker: ProcessMarker) async throws -> HostCommandOutcome {
        BrokenPipes.areErrors
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [.send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .zero)]
        var environment = environment
        environment[marker.variable] = marker.value
        if let owner = owner.map({ ProcessMarker(owner: $0) }) { environment[owner.variable] = owner.value }
        do {
            let result = try await Subprocess.run(
                executable.contains("/") ? .path(FilePath(executable)) : .name(executable),
                arguments: Arguments(arguments),
                environment: Environment(environment),
                workingDirectory: directory.map { FilePath($0) },
                platformOptions: options,
                input: .inputWriter,
                output: .sequence,
                error: .sequence
            ) { execution in
                _ = BackgroundPriority.give(to: execution.processIdentifier.value)
                async let output = head(of: execution.standardOutput)
                async let errorOutput = head(of: execution.standardError)
                if let input {
                    // A program that ends before it has read everything is no failure of ours.
                    _ = try? await execution.standardInputWriter.write(input)
                }
                try await execution.standardInputWriter.finish()
                return try await (output, errorOutput)
            }
            let (output, errorOutput) = result.closureResult
            return HostCommandOutcome(
                exitCode: result.terminationStatus.shellCode,
                stdout: output.bytes,
                stderr: errorOutput.bytes,
                truncated: output.truncated || errorOutput.truncated,
                leftProcesses: kill(-result.processIdentifier.value, 0) == 0
            )
        } catch let error as SubprocessError {
            try Task.checkCancellation()
            throw SandboxError(
                error.code == .executableNotFound ? .unavailable : .failed,
                "\(executable) could not be run: \(error)")
        }
    }

    /// Reads a stream to its end and keeps its beginning.
    private func head(of stream: SubprocessOutputSequence) async throws -> (bytes: [UInt8], truncated: Bool) {
        var bytes: [UInt8] = []
        var truncated = false
        for try await buffer in stream {
            let room = outputLimit - bytes.count
            truncated = truncated || buffer.count > room
            buffer.withUnsafeBytes { bytes.append(contentsOf: $0.prefix(room)) }
        }
        return (bytes, truncated)
    }
}
