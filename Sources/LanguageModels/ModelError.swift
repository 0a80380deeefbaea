/// Why a model gave no usable reply.
///
/// The kind decides what happens next: ``isTransient`` errors are retried with backoff, the others end the call at once.
public struct ModelError: Error, Codable, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Codable, Sendable {
        /// The key is missing, wrong or not allowed to use the model (401, 403).
        case authentication
        /// The account has no credit left (`insufficient_quota`).
        case quota
        /// The provider asks to slow down (429).
        case rateLimited
        /// The request is wrong and will stay so (400, 404, 422).
        case invalidRequest
        /// The conversation is longer than the model's context.
        case contextLength
        /// The provider failed (408, 409, 5xx), or the connection did.
        case unavailable
        /// No answer in time.
        case timeout
        /// The answer is not what the API promises: wrong JSON, no choices, a cut stream.
        case malformedReply
        /// A replayed trajectory holds no further reply.
        case replayExhausted
    }

    public var kind: Kind
    /// One sentence for a person, free of secrets.
    public var message: String
    /// The HTTP status, where there was one.
    public var status: Int?
    /// How long the provider asked to wait, in seconds.
    public var retryAfter: Double?

    public init(_ kind: Kind, _ message: String, status: Int? = nil, retryAfter: Double? = nil) {
        self.kind = kind
        self.message = message
        self.status = status
        self.retryAfter = retryAfter
    }

    /// Whether the same request may succeed later.
    public var isTransient: Bool {
        switch kind {
        case .rateLimited, .unavailable, .timeout, .malformedReply: true
        case .authentication, .quota, .invalidRequest, .contextLength, .replayExhausted: false
        }
    }

    public var description: String { message }
}
