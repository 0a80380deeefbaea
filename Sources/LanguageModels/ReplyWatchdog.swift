import Synchronization

/// Notices that a provider takes too long, or has fallen silent.
final class ReplyWatchdog: Sendable {
    private let deadline: ContinuousClock.Instant
    private let timeout: Duration
    private let idleTimeout: Duration
    /// A mutex rather than an actor, as every piece of a reply sets it and none should have to wait for a turn.
    private let lastSign: Mutex<ContinuousClock.Instant>

    init(timeout: Duration, idleTimeout: Duration) {
        let now = ContinuousClock.now
        self.deadline = now + timeout
        self.timeout = timeout
        self.idleTimeout = idleTimeout
        self.lastSign = Mutex(now)
    }

    /// The provider gave a sign of life.
    func touch() {
        let now = ContinuousClock.now
        lastSign.withLock { $0 = now }
    }

    /// Waits until the provider has taken too long, and says so.
    ///
    /// - Throws: `CancellationError`: the reply came in time.
    func waitForTimeout() async throws -> ModelError {
        while true {
            let silentUntil = lastSign.withLock { $0 } + idleTimeout
            let due = min(silentUntil, deadline)
            if due <= .now {
                return due == deadline
                    ? ModelError(.timeout, "did not finish its answer within \(timeout)")
                    : ModelError(.timeout, "was silent for \(idleTimeout)")
            }
            try await Task.sleep(until: due, clock: .continuous)
        }
    }
}
