import Subprocess
import SystemPackage

/// `swe-agent serve` as a process of its own.
enum ServiceProcess {
    struct Outcome<Result: Sendable>: Sendable {
        /// What `body` returned; `nil` where the service ended before it listened.
        var result: Swift.Result<Result, any Error>?
        var status: TerminationStatus
        /// What it wrote to standard error.
        var log: String
    }

    /// Starts the service on a free port, runs `body`, and ends it with SIGTERM.
    ///
    /// A service that dies in the midst closes its connections, so that `body` ends, too.
    static func run<Result: Sendable>(
        _ variables: [String: String], in folder: String,
        onStart: @Sendable (_ process: Int32) async -> Void = { _ in },
        _ body: @escaping @Sendable (_ url: String, _ process: Int32) async throws -> Result
    ) async throws -> Outcome<Result> {
        var variables = variables
        variables["SWE_AGENT_PORT"] = "0"
        // Where the tests' repositories are.
        variables["SWE_AGENT_INTERNAL_HOSTS"] = "127.0.0.1"
        let result = try await Subprocess.run(
            .path(FilePath(Program.path)), arguments: ["serve"], environment: Program.environment(variables),
            workingDirectory: FilePath(folder), input: .none, output: .discarded, error: .sequence
        ) { execution in
            let process = execution.processIdentifier.value
            await onStart(process)
            return await withTaskGroup(of: Swift.Result<Result, any Error>.self) { group in
                var log = ""
                do {
                    for try await line in execution.standardError.strings() {
                        log += line
                        guard let match = line.firstMatch(of: /listens on (http:\/\/127\.0\.0\.1:\d+)/) else {
                            continue
                        }
                        let url = String(match.1)
                        group.addTask {
                            let outcome: Swift.Result<Result, any Error>
                            do {
                                outcome = .success(try await body(url, process))
                            } catch {
                                outcome = .failure(error)
                            }
                            // It may be gone already.
                            try? execution.send(signal: .terminate)
                            return outcome
                        }
                    }
                } catch {
                    group.addTask { .failure(error) }
                }
                return (await group.next(), log)
            }
        }
        return Outcome(
            result: result.closureResult.0, status: result.terminationStatus, log: result.closureResult.1)
    }
}
