import Subprocess
import SystemPackage
import Testing

/// `swe-agent serve` as a process of its own, on a free port.
struct RunningService: Sendable {
    let url: String
    private let execution: @Sendable (Signal) throws -> Void

    func send(_ signal: Signal) throws { try execution(signal) }

    /// Starts the service, runs `body` once it listens, and ends it by a signal.
    ///
    /// - Returns: What the body returns, and how the process ended.
    static func run<Result: Sendable>(
        _ variables: [String: String], in folder: String, endedBy signal: Signal = .terminate,
        _ body: @escaping @Sendable (RunningService) async throws -> Result
    ) async throws -> (Result, TerminationStatus) {
        let ended = try await Subprocess.run(
            .path(FilePath(Program.path)), arguments: ["serve"],
            environment: Program.environment(variables.merging(["SWE_AGENT_PORT": "0"]) { first, _ in first }),
            workingDirectory: FilePath(folder), input: .none, output: .discarded, error: .sequence
        ) { execution in
            var outcome: Swift.Result<Result, any Error>?
            for try await line in execution.standardError.strings() {
                guard outcome == nil, let match = line.firstMatch(of: /listens on (http:\/\/127\.0\.0\.1:\d+)/) else {
                    continue
                }
                let service = RunningService(url: String(match.1)) { try execution.send(signal: $0) }
                do {
                    outcome = .success(try await body(service))
                } catch {
                    outcome = .failure(error)
                }
                // The body may have ended it.
                try? execution.send(signal: signal)
            }
            return outcome
        }
        let outcome = try #require(ended.closureResult, "the service did not say where it listens")
        return (try outcome.get(), ended.terminationStatus)
    }
}
