import Crypto
import Foundation
import HTTPTypes
import Hummingbird

/// Who may use the API, and by which names.
public struct Access: Sendable {
    /// Of the tokens only digests are kept, which are compared in a time that tells nothing.
    private let digests: [SHA256Digest]
    private let hosts: Set<String>?

    /// - Parameters:
    ///   - tokens: The bearer tokens (RFC 6750), one of which every request to `/agent` must bear. Empty lets everybody in.
    ///   - hosts: The names by which clients may call the service, in lower case and without a port; `nil` for any. A
    ///     service on loopback gives its own, so that a web page cannot reach it by a name of its own that it has pointed
    ///     at 127.0.0.1 (DNS rebinding).
    public init(tokens: [String] = [], hosts: Set<String>? = nil) {
        digests = tokens.map { SHA256.hash(data: Data($0.utf8)) }
        self.hosts = hosts
    }

    /// Whether a request bears one of the tokens, where there are any.
    func admits(_ request: Request) -> Bool {
        if digests.isEmpty { return true }
        guard let digest = Self.digest(of: request) else { return false }
        // All are compared, whichever matches.
        return digests.reduce(false) { admitted, known in (known == digest) || admitted }
    }

    /// Who sends a request that is admitted: the beginning of its token's digest, which tells clients apart and says nothing
    /// of the token; where no token is asked for, the address that it comes from.
    func client(of request: Request, from address: String?) -> String? {
        guard !digests.isEmpty else { return address }
        guard let digest = Self.digest(of: request) else { return nil }
        return digest.prefix(6).map { String(format: "%02x", $0) }.joined()
    }

    private static func digest(of request: Request) -> SHA256Digest? {
        guard let words = request.headers[.authorization]?.split(separator: " ", maxSplits: 1), words.count == 2,
            words[0].lowercased() == "bearer"
        else { return nil }
        return SHA256.hash(data: Data(words[1].utf8))
    }

    fileprivate func isCalled(by authority: String) -> Bool {
        hosts.map { $0.contains(Self.host(of: authority)) } ?? true
    }

    /// The host of `host:port`, in lower case; of an IPv6 address with its brackets.
    private static func host(of authority: String) -> String {
        let end = authority.hasPrefix("[") ? authority.firstIndex(of: "]").map(authority.index(after:)) : nil
        return authority[..<(end ?? authority.firstIndex(of: ":") ?? authority.endIndex)].lowercased()
    }
}

/// Turns away requests that a web page of somebody else has a browser make.
struct OriginMiddleware: RouterMiddleware {
    let access: Access

    func handle(
        _ request: Request, context: APIContext,
        next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        let authority = request.head.authority ?? ""
        // The first is the authority. Another one is for whoever stands before us and reads the last.
        guard !request.headers.contains(where: { $0.name.canonicalName == "host" }) else {
            throw APIError(.badRequest, "bad_request", "send one Host header")
        }
        guard access.isCalled(by: authority) else {
            throw APIError(
                .misdirectedRequest, "wrong_host",
                "this service is called localhost or by its address; the Host header names something else")
        }
        // Browsers set it, and pages of this service there are none.
        guard request.headers[.origin] == nil else {
            throw APIError(.forbidden, "cross_origin", "the API is for programs and not for web pages")
        }
        return try await next(request, context)
    }
}

/// Asks for a bearer token where the service has any.
struct TokenMiddleware: RouterMiddleware {
    let access: Access

    func handle(
        _ request: Request, context: APIContext,
        next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        guard access.admits(request) else {
            throw APIError(
                .unauthorized, "unauthorized", "send one of the service's tokens: Authorization: Bearer TOKEN",
                headers: [.wwwAuthenticate: #"Bearer realm="swe-agent""#])
        }
        return try await next(request, context)
    }
}
