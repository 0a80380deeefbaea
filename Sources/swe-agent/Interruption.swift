import ArgumentParser
import UnixSignals

/// Runs `body`, and on Ctrl-C or SIGTERM `onSignal` beside it; a second signal cancels the body.
///
/// - Parameter onSignal: Asks the body to come to its end; throws to cancel it at once.
/// - Throws: What either throws.
func withSignals<Result: Sendable>(
    _ onSignal: @escaping @Sendable () async throws -> Void,
    _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    return try await withThrowingTaskGroup(of: Result?.self) { group in
        defer { group.cancelAll() }
        group.addTask {
            var count = 0
            for await _ in signals {
                count += 1
                guard count == 1 else { throw ExitCode.interrupted }
                try await onSignal()
            }
            return nil
        }
        group.addTask { try await body() }
        while let result = try await group.next() {
            if let result { return result }
        }
        throw CancellationError()
    }
}
