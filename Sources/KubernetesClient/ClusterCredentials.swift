internal import Foundation
internal import NIOCore
internal import NIOSSL

/// What a request needs to be let in, kept for as long as it is good.
actor ClusterCredentials {
    struct Current: Sendable {
        /// The `Authorization` header.
        var authorization: String?
        var tls: TLSConfiguration
    }

    private let access: ClusterAccess
    private var current: Current?
    private var validUntil = Date.distantPast
    private var context: (tls: TLSConfiguration, value: NIOSSLContext)?
    /// A plugin that runs; requests that come meanwhile wait for the same answer.
    private let turn = AsyncTurn()

    init(_ access: ClusterAccess) {
        self.access = access
    }

    /// The credentials of now.
    ///
    /// - Throws: ``KubernetesError``.
    func get() async throws -> Current {
        if let current, validUntil > Date() { return current }
        return try await turn.take {
            try await self.renew()
        }
    }

    /// Has the next request read its credentials anew, because the server no longer takes those of now.
    func refuse(_ refused: Current) {
        if refused.authorization == current?.authorization { validUntil = .distantPast }
    }

    /// Whether what is refused could be renewed at all.
    nonisolated var canRenew: Bool {
        switch access.identity {
        case .none, .header: false
        case .tokenFile, .plugin: true
        }
    }

    /// The context of TLS connections that are not the HTTP client's.
    func sslContext(_ tls: TLSConfiguration) throws -> NIOSSLContext {
        if let context, context.tls.bestEffortEquals(tls) { return context.value }
        var configuration = tls
        // The server is told of the end of a connection and not waited for: all that was wanted of it has come.
        configuration.shutdownTimeout = .zero
        let value = try NIOSSLContext(configuration: configuration)
        context = (tls, value)
        return value
    }

    private func renew() async throws -> Current {
        if let current, validUntil > Date() { return current }
        var new = Current(tls: access.tls)
        var expiry = Date.distantFuture
        switch access.identity {
        case .none: break
        case .header(let header): new.authorization = header
        case .tokenFile(let file):
            guard let data = FileManager.default.contents(atPath: file) else {
                throw KubernetesError(.configuration, "The token file \(file) cannot be read.")
            }
            let token = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            guard !token.isEmpty, token.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
                throw KubernetesError(.configuration, "The token file \(file) holds no token.")
            }
            new.authorization = "Bearer \(token)"
            // A token of a pod is renewed at four fifths of its life, of at least ten minutes.
            expiry = Date(timeIntervalSinceNow: 60)
        case .plugin(let plugin):
            let credential = try await plugin.run()
            new.authorization = credential.token.map { "Bearer \($0)" }
            do {
                new.tls = try ClusterAccess.adding(
                    certificate: credential.certificate, key: credential.key, to: access.tls)
            } catch let error as KubernetesError {
                throw KubernetesError(.configuration, "The credential plugin gave \(error.message).")
            }
            // Renewed in time for the requests that are on their way.
            expiry = credential.expiry?.addingTimeInterval(-10) ?? .distantFuture
        }
        current = new
        validUntil = expiry
        return new
    }
}

/// Lets one caller at a time into a piece of work that suspends.
actor AsyncTurn {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func take<Result: Sendable>(_ body: @Sendable () async throws -> Result) async rethrows -> Result {
        // Looked at in there, as the turn may end before this is called.
        await withCheckedContinuation {
            if isTaken {
                waiting.append($0)
            } else {
                isTaken = true
                $0.resume()
            }
        }
        defer {
            if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
        }
        return try await body()
    }
}
