/// A model that asks again when the provider was busy, broken or silent.
///
/// Only transient errors are retried (``ModelError/isTransient``). A try that fails half-way has already sent deltas;
/// the next one sends its own from the start, so whoever shows them clears what it showed when `onRetry` is called.
public struct RetryingModel: LanguageModel {
    public var name: String { base.name }
    public var capabilities: ModelCapabilities { base.capabilities }

    private let base: any LanguageModel
    private let policy: RetryPolicy
    private let sleep: @Sendable (Duration) async throws -> Void
    private let jitter: @Sendable () -> Double
    private let onRetry: @Sendable (String) -> Void

    /// - Parameters:
    ///   - base: The model to ask.
    ///   - sleep: Waits; tests pass one that does not.
    ///   - jitter: Gives a number from 0 to 1 for each pause.
    ///   - onRetry: Called before each pause with one line: what failed, and when the next try is.
    public init(
        _ base: any LanguageModel,
        policy: RetryPolicy = RetryPolicy(),
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        jitter: @escaping @Sendable () -> Double = { .random(in: 0...1) },
        onRetry: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.base = base
        self.policy = policy
        self.sleep = sleep
        self.jitter = jitter
        self.onRetry = onRetry
    }

    public func reply(
        to request: ModelRequest,
        onDelta: @escaping @Sendable (ModelDelta) -> Void
    ) async throws -> ModelReply {
        var attempt = 1
        var waited = Duration.zero
        while true {
            do {
                return try await base.reply(to: request, onDelta: onDelta)
            } catch let error as ModelError where error.isTransient {
                let pause = policy.delay(after: attempt, retryAfter: error.retryAfter, jitter: jitter())
                guard attempt < policy.maxAttempts, waited + pause <= policy.maxTotalDelay else { throw error }
                onRetry("\(error.message) (try \(attempt) of \(policy.maxAttempts); next in \(pause.inSeconds))")
                try await sleep(pause)
                waited += pause
                attempt += 1
            }
        }
    }
}

extension Duration {
    fileprivate var inSeconds: String { "\((self / .seconds(1) * 10).rounded() / 10) s" }
}
