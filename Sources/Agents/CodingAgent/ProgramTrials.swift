import Foundation
import LanguageModels
import Sandboxes
import Workflow

/// The executions of one attempt's programs, as the journal keeps them.
struct ProgramTrials: Codable, Sendable {
    /// Which of the programs won, or says most about what went wrong.
    var index: Int
    /// Where its files were.
    var sandbox: String
    var execution: ProgramExecution
    var failure: String?
    var seconds: Double
}

extension CodingContext {
    /// Runs the programs beside one another; the first that works wins, and the others are stopped.
    func execute(_ state: inout CodingState, _ run: Run) async throws {
        guard let generation = state.generation, let check = state.check, !check.programs.isEmpty else { return }
        let attempt = state.attempts.count + 1
        onEvent(.began(.execute, attempt: attempt, reason: nil))
        // A program runs in a directory of its own without a network: running it again after a crash does no harm.
        let trials: ProgramTrials = try await run.effect("execute") { try await execute(check.programs) }
        let program = check.programs[trials.index].program
        let finished = CodingAttempt(
            number: attempt, candidates: generation.candidates.count, programs: check.programs.count, code: program,
            execution: trials.execution, failure: trials.failure,
            seconds: CodingAttempt.Seconds(
                generate: generation.seconds, check: check.seconds, execute: trials.seconds))
        state.attempts.append(finished)
        onEvent(.attempted(finished))
    }

    private func execute(_ programs: [ProgramReader.Reading]) async throws -> ProgramTrials {
        let start = ContinuousClock.now
        let runner = ProgramRunner(settings: settings, sandboxes: sandboxes)
        let isOnly = programs.count == 1
        let onEvent = onEvent
        let trials = try await withThrowingTaskGroup(of: ProgramTrials.self) { group in
            defer { group.cancelAll() }
            for (index, program) in programs.enumerated() {
                group.addTask { [request] in
                    let (execution, sandbox) = try await runner.run(program.program, hold: true) { bytes in
                        if isOnly { onEvent(.output(bytes)) }
                    }
                    let judge = ProgramJudge(task: request.task, prints: program.prints, timeout: settings.timeout)
                    return ProgramTrials(
                        index: index, sandbox: sandbox, execution: execution, failure: judge.failure(of: execution),
                        seconds: (ContinuousClock.now - start).seconds)
                }
            }
            var best: ProgramTrials?
            for try await trial in group {
                if trial.failure == nil, !trial.execution.isSilent { return trial }
                if best.map({ trial.promises(moreThan: $0) }) ?? true { best = trial }
            }
            guard let best else { throw CancellationError() }
            return best
        }
        await sandboxes.keepFiles(of: trials.sandbox)
        return trials
    }
}

extension ProgramTrials {
    /// Whether it is the better one to go on from: one that works before one that fails, and the earlier candidate.
    fileprivate func promises(moreThan other: ProgramTrials) -> Bool {
        if (failure == nil) != (other.failure == nil) { return failure == nil }
        if execution.timedOut != other.execution.timedOut { return !execution.timedOut }
        return index < other.index
    }
}

/// Runs one program in a sandbox of its own.
struct ProgramRunner: Sendable {
    var settings: CodingSettings
    var sandboxes: ProgramSandboxes

    private static let file = "main.py"

    /// - Parameters:
    ///   - hold: Whether its files stay, for ``ProgramSandboxes/keepFiles(of:)``.
    ///   - onOutput: Called with what it prints.
    /// - Returns: How it ended, and the id of its sandbox.
    func run(
        _ program: String, hold: Bool = false, onOutput: (@Sendable ([UInt8]) -> Void)? = nil
    ) async throws -> (ProgramExecution, id: String) {
        try await sandboxes.withFreshSandbox(hold: hold) { sandbox, interpreter in
            try await sandbox.writeFile(Self.file, Array(program.utf8) + [UInt8(ascii: "\n")])
            // Tracebacks name the file by its path, which says nothing to people and models.
            let path = sandbox.workspace + "/"
            let outcome = try await sandbox.run(
                SandboxCommand(
                    command(interpreter), directory: sandbox.workspace, timeout: settings.timeout,
                    outputLimit: settings.outputLimit,
                    onOutput: onOutput.map { Self.removing(Array(path.utf8), before: $0) }))
            let madeFiles = try await madeFiles(in: sandbox, outcome)
            // What it left in the background ends with it.
            if hold { try await sandbox.killProcesses() }
            return ProgramExecution(
                exitCode: outcome.exitCode,
                output: outcome.output.replacing(path, with: ""),
                omittedBytes: outcome.omittedBytes, timedOut: outcome.timedOut,
                madeFiles: madeFiles, seconds: outcome.seconds)
        }
    }

    private static func removing(
        _ path: [UInt8], before onOutput: @escaping @Sendable ([UInt8]) -> Void
    ) -> @Sendable ([UInt8]) -> Void {
        let needle = Data(path)
        return { bytes in
            let isThere = Data(bytes).range(of: needle) != nil
            onOutput(isThere ? bytes.replacing(path, with: [UInt8]()) : bytes)
        }
    }

    private func madeFiles(in sandbox: any Sandbox, _ outcome: CommandOutcome) async throws -> Bool {
        guard outcome.succeeded, outcome.output.allSatisfy(\.isWhitespace) else { return false }
        let listing = try await sandbox.run(SandboxCommand("ls -A", directory: sandbox.workspace, outputLimit: 4096))
        return listing.output.split(separator: "\n").contains { $0 != Self.file && $0 != "__pycache__" }
    }

    /// Limits in a subshell, so that the sandbox's shell keeps none.
    private func command(_ interpreter: String) -> String {
        var limits = ["-c 0", "-v \(settings.memory * 1024)", "-f \(settings.fileSize * 1024)"]
        if let processes = settings.processes { limits.append("-u \(processes)") }
        let commands =
            limits.map { "ulimit \($0) 2>/dev/null" } + [
                "PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 exec \(interpreter.shellQuoted) \(Self.file)"
            ]
        return "( \(commands.joined(separator: "; ")) )"
    }
}
