public import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// The HTTP that all providers share: one request, one bounded reply, and no secret in any error.
public struct ModelHTTPClient: Sendable {
    let client: HTTPClient
    let timeout: Duration
    let idleTimeout: Duration
    let maxReplyBytes: Int

    /// - Parameters:
    ///   - client: The connections. Make it with ``configuration``: a client that follows redirects would carry the
    ///     key to another host. Whoever made it shuts it down.
    ///   - timeout: How long a reply may take in all.
    ///   - idleTimeout: How long the provider may be silent, before its answer or between two pieces of it.
    ///   - maxReplyBytes: A reply longer than this is malformed.
    public init(
        client: HTTPClient,
        timeout: Duration = .seconds(600),
        idleTimeout: Duration = .seconds(180),
        maxReplyBytes: Int = 16 << 20
    ) {
        self.client = client
        self.timeout = timeout
        self.idleTimeout = idleTimeout
        self.maxReplyBytes = maxReplyBytes
    }

    /// How an `HTTPClient` that talks to providers is set up: no redirects, and no retries but ``RetryingModel``'s.
    public static var configuration: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(15)
        configuration.connectionPool.retryConnectionEstablishment = false
        // A call takes long and holds its connection; how many tasks run at once is limited elsewhere.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1024
        return configuration
    }

    /// Posts a request and reads the reply while it arrives.
    ///
    /// Cancelling the task, either timeout, and an error thrown by `read` close the request.
    ///
    /// - Throws: ``ModelError``, or `CancellationError`.
    func post<Result: Sendable>(
        _ request: ModelHTTPRequest,
        read: @escaping @Sendable (ModelHTTPReply) async throws -> Result
    ) async throws -> Result {
        let watchdog = ReplyWatchdog(timeout: timeout, idleTimeout: idleTimeout)
        do {
            return try await withThrowingTaskGroup(of: Result.self) { group in
                defer { group.cancelAll() }
                group.addTask { try await exchange(request, watchdog: watchdog, read: read) }
                group.addTask { throw try await watchdog.waitForTimeout() }
                return try await group.next()!
            }
        } catch {
            try Task.checkCancellation()
            throw ModelError(error, from: request)
        }
    }

    private func exchange<Result: Sendable>(
        _ request: ModelHTTPRequest,
        watchdog: ReplyWatchdog,
        read: @Sendable (ModelHTTPReply) async throws -> Result
    ) async throws -> Result {
        var post = HTTPClientRequest(url: request.url)
        post.method = .POST
        post.headers = ["content-type": "application/json", "user-agent": "swe-agent"]
        if let (name, value) = request.credential { post.headers.add(name: name, value: value) }
        post.body = .bytes(request.body)

        let response = try await client.execute(post, timeout: .seconds(Int64(timeout.components.seconds) + 1))
        watchdog.touch()
        let body = ModelHTTPBody(base: response.body, watchdog: watchdog, maxBytes: maxReplyBytes)
        guard (200..<300).contains(response.status.code) else {
            let text = try await body.collectStart(maxBytes: 64 << 10)
            throw ModelError(status: Int(response.status.code), headers: response.headers, body: text)
        }
        let type = response.headers.first(name: "content-type") ?? ""
        return try await read(ModelHTTPReply(isEventStream: type.hasPrefix("text/event-stream"), body: body))
    }
}
