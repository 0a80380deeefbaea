internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1

/// Requests to the hub and to the hosts that it redirects to.
struct HubClient: Sendable {
    let http: HTTPClient
    let endpoint: String
    let token: HubToken?
    /// The wait before the first repetition; it doubles with each.
    var retryDelay: Duration = .milliseconds(500)

    private static let maxAttempts = 5
    private static let maxRedirects = 5

    /// How an `HTTPClient` for the hub is set up: redirects are followed here, without the token.
    static var configuration: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(15)
        configuration.timeout.read = .seconds(60)
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.decompression = .disabled
        return configuration
    }

    /// Repeats `body` where a later attempt may succeed.
    ///
    /// - Parameter progress: What has been reached; attempts count from the last change of it.
    func retrying<Result: Sendable, Progress: Equatable>(
        progress: () -> Progress = { 0 }, _ body: () async throws -> Result
    ) async throws -> Result {
        var attempt = 1
        var reached = progress()
        while true {
            do {
                return try await body()
            } catch let failure as TransientFailure {
                if progress() != reached { (attempt, reached) = (1, progress()) }
                guard attempt < Self.maxAttempts else { throw failure.error }
                let wait = failure.wait ?? retryDelay * (1 << (attempt - 1)) * Double.random(in: 0.75...1.25)
                attempt += 1
                try await Task.sleep(for: min(wait, .seconds(60)))
            }
        }
    }

    /// Sends one request and follows redirects; `accept` says which answers are the caller's to read.
    ///
    /// The token goes to the hub only: a redirect to another host, port or scheme is followed without it, and one from
    /// https to http is refused unless it stays on this machine.
    ///
    /// - Parameter followsAway: Whether redirects to other hosts are followed; otherwise they are the answer.
    /// - Throws: ``ModelHubError``, ``TransientFailure`` for what may be repeated, or `CancellationError`.
    func send(
        _ method: HTTPMethod, _ path: String, headers: [(String, String)] = [], about subject: String,
        followsAway: Bool = true
    ) async throws -> HTTPClientResponse {
        guard var url = URL(string: endpoint + path), let origin = Origin(url) else {
            throw ModelHubError("HF_ENDPOINT “\(endpoint.printable)” is no address")
        }
        for _ in 0...Self.maxRedirects {
            var request = HTTPClientRequest(url: url.absoluteString)
            request.method = method
            request.headers = ["user-agent": "swe-agent", "accept-encoding": "identity"]
            for (name, value) in headers { request.headers.add(name: name, value: value) }
            let isHub = Origin(url) == origin
            if isHub, let token { request.headers.add(name: "authorization", value: "Bearer \(token.reveal())") }
            let response = try await execute(request, host: url.host ?? "")
            switch response.status.code {
            case 200, 206: return response
            case 301, 302, 303, 307, 308:
                guard let location = response.headers.first(name: "location"),
                    let target = URL(string: location, relativeTo: url)?.absoluteURL, let next = Origin(target)
                else { throw ModelHubError("\(url.host ?? "") redirects to no address") }
                if next != origin, !followsAway { return response }
                guard url.scheme?.lowercased() != "https" || next.scheme == "https" || next.isLoopback else {
                    throw ModelHubError(
                        "\(url.host ?? "") redirects from https to http, to \(next.host.printable), which is refused")
                }
                url = target
            case let code: throw failure(code, response, host: url.host ?? "", isHub: isHub, subject)
            }
        }
        throw ModelHubError("\(url.host ?? "") redirects without end")
    }

    private func execute(_ request: HTTPClientRequest, host: String) async throws -> HTTPClientResponse {
        do {
            return try await http.execute(request, deadline: .distantFuture)
        } catch {
            throw try Self.transport(error, host: host)
        }
    }

    /// The error of a connection. Descriptions of transport errors are not used: some quote headers.
    static func transport(_ error: any Error, host: String) throws -> any Error {
        try Task.checkCancellation()
        if error is ModelHubError || error is TransientFailure || error is CancellationError { return error }
        let reason =
            switch error as? HTTPClientError {
            case .remoteConnectionClosed?, .uncleanShutdown?: "it closed the connection"
            case .connectTimeout?, .readTimeout?, .writeTimeout?, .deadlineExceeded?, .tlsHandshakeTimeout?:
                "it did not answer in time"
            default: "no connection (\(String(describing: type(of: error))))"
            }
        return TransientFailure(
            ModelHubError(
                "cannot reach \(host.printable): \(reason); check the network and HF_ENDPOINT, and run it again to go on"
            ))
    }

    private func failure(
        _ code: UInt, _ response: HTTPClientResponse, host: String, isHub: Bool, _ subject: String
    ) -> any Error {
        let host = host.printable
        guard isHub || code >= 500 || code == 429 || code == 408 else {
            // An address that was made for one download has run out; the hub makes a new one.
            return TransientFailure(ModelHubError("\(host) answered \(code) for \(subject); run it again to go on"))
        }
        switch code {
        case 401:
            return ModelHubError(
                token == nil
                    ? "\(host) does not show \(subject) (401): check the name, or set HF_TOKEN if it is private"
                    : "\(host) does not take the token for \(subject) (401): check HF_TOKEN, and the name")
        case 403:
            return ModelHubError(
                "\(host) does not give \(subject) out (403): accept its terms at \(endpoint), and set HF_TOKEN to a token "
                    + "that may read it")
        case 404:
            return ModelHubError("\(host) has no \(subject) (404): check the name and the revision")
        case 408, 429, 500...:
            var failure = TransientFailure(
                ModelHubError("\(host) answered \(code) for \(subject); run it again later to go on"))
            failure.wait = response.headers.first(name: "retry-after").flatMap(Double.init)
                .flatMap { (0...3600).contains($0) ? .seconds($0) : nil }
            return failure
        default: return ModelHubError("\(host) answered \(code) for \(subject)")
        }
    }
}

/// What may be different when it is tried again.
struct TransientFailure: Error {
    var error: ModelHubError
    /// How long the host wants to be left alone.
    var wait: Duration?

    init(_ error: ModelHubError) {
        self.error = error
    }
}

/// A scheme, host and port.
private struct Origin: Equatable {
    let scheme: String
    let host: String
    let port: Int

    init?(_ url: URL) {
        guard let scheme = url.scheme?.lowercased(), ["http", "https"].contains(scheme),
            let host = url.host?.lowercased(), !host.isEmpty
        else { return nil }
        self.scheme = scheme
        self.host = host
        port = url.port ?? (scheme == "https" ? 443 : 80)
    }

    var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
}
