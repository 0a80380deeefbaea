import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

// Errors are thrown where they are found with a message that lacks its subject ("answered 429: …");
// `ModelHTTPClient.post` puts the host before it and takes out what must not be shown.

extension ModelError {
    /// The error of a reply without a success status.
    init(status: Int, headers: HTTPHeaders, body: ByteBuffer) {
        let text = String(buffer: body)
        let json = try? JSONValue(json: text)
        self.init(api: APIErrorBody(json, text: text), status: status)
        if let wait = RetryAfter.seconds(in: headers) { retryAfter = wait }
    }

    /// An error as the API describes it, in a reply's body or in the middle of a stream.
    init(api error: APIErrorBody, status: Int?) {
        let status = status ?? error.status
        let kind: Kind =
            if error.isQuota || status == 402 {
                .quota
            } else if error.isContextLength {
                .contextLength
            } else if error.isInvalidKey {
                .authentication
            } else {
                switch status {
                case 401, 403: .authentication
                case 429: .rateLimited
                case let code? where code == 408 || code == 409 || code >= 500: .unavailable
                case nil where error.isRateLimit: .rateLimited
                case nil where !error.isInvalidRequest: .unavailable
                default: .invalidRequest
                }
            }
        let answer = status.map { "answered \($0)" } ?? "broke off with an error"
        self.init(
            kind, error.message.isEmpty ? answer : "\(answer): \(error.message)", status: status,
            retryAfter: error.retryDelay)
    }

    /// Anything that went wrong with a request, as an error that can be shown.
    ///
    /// The descriptions of transport errors are not used: some quote headers.
    init(_ error: any Error, from request: ModelHTTPRequest) {
        var found = (error as? ModelError) ?? ModelError(transport: error)
        found.message = Secret.sanitize("\(request.host) \(found.message)", hiding: request.key)
        self = found
    }

    private init(transport error: any Error) {
        switch error as? HTTPClientError {
        case .remoteConnectionClosed?, .uncleanShutdown?:
            self.init(.unavailable, "closed the connection before its answer was complete")
        case .connectTimeout?, .tlsHandshakeTimeout?, .getConnectionFromPoolTimeout?:
            self.init(.timeout, "could not be connected to in time")
        case .deadlineExceeded?, .readTimeout?, .writeTimeout?:
            self.init(.timeout, "did not answer in time")
        default:
            let reason = String(describing: type(of: error))
            self.init(.unavailable, "cannot be reached (\(reason)); is the address right, and is the server running?")
        }
    }
}

/// When a provider wants to be asked again.
enum RetryAfter {
    /// The seconds to wait by `retry-after-ms` (OpenAI) or `Retry-After` (RFC 9110, 10.2.3: seconds or a date).
    static func seconds(in headers: HTTPHeaders, now: Date = .now) -> Double? {
        if let milliseconds = headers.first(name: "retry-after-ms").flatMap(Double.init), milliseconds.isFinite {
            return max(0, milliseconds / 1000)
        }
        guard let value = headers.first(name: "retry-after") else { return nil }
        if let seconds = Double(value) { return seconds.isFinite ? max(0, seconds) : nil }
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
        return formatter.date(from: value).map { max(0, $0.timeIntervalSince(now)) }
    }
}
