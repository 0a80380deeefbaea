/// How often and after what pauses a failed request is repeated.
///
/// Pauses grow exponentially with full jitter, so that clients who failed together do not come back together.
/// Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
public struct RetryPolicy: Sendable, Hashable {
    /// Tries in all, the first included.
    public var maxAttempts: Int
    /// The upper bound of the first pause; it doubles with each.
    public var baseDelay: Duration
    /// The upper bound of every pause.
    public var maxDelay: Duration
    /// The longest pause a provider may ask for with `Retry-After`; a longer wish is cut to this.
    public var maxRetryAfter: Duration
    /// The longest that all pauses of one request may take together. A pause that would exceed it is not begun.
    public var maxTotalDelay: Duration

    public init(
        maxAttempts: Int = 6,
        baseDelay: Duration = .seconds(1),
        maxDelay: Duration = .seconds(30),
        maxRetryAfter: Duration = .seconds(60),
        maxTotalDelay: Duration = .seconds(300)
    ) {
        self.maxAttempts = maxAttempts
        self.baseDelay = baseDelay
        self.maxDelay = maxDelay
        self.maxRetryAfter = maxRetryAfter
        self.maxTotalDelay = maxTotalDelay
    }

    /// One try and no more.
    public static let never = RetryPolicy(maxAttempts: 1)

    /// The pause after a failed try.
    ///
    /// - Parameters:
    ///   - attempt: The number of the failed try, from 1.
    ///   - retryAfter: How long the provider asked to wait, in seconds.
    ///   - jitter: A number from 0 to 1 that chance gave.
    func delay(after attempt: Int, retryAfter: Double?, jitter: Double) -> Duration {
        if let retryAfter { return min(.seconds(retryAfter), maxRetryAfter) }
        let bound = min(baseDelay * (1 << min(attempt - 1, 30)), maxDelay)
        return bound * jitter
    }
}
