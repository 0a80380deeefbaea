internal import Foundation
internal import NIOCore
internal import NIOHTTP1

extension KubernetesClient {
    /// Runs a command in a container of a pod, without a terminal, and talks with it for as long as `body` runs.
    ///
    /// The end of the connection does not end the command: who wants that has to kill it inside.
    ///
    /// - Parameters:
    ///   - hasInput: Whether the command gets what ``ExecSession/write(_:)`` writes; else its input is empty.
    /// - Throws: What the body throws, ``KubernetesError``, or `CancellationError`.
    public func exec<Result: Sendable>(
        _ pod: String, container: String, _ command: [String], hasInput: Bool = false,
        _ body: @escaping @Sendable (ExecSession) async throws -> Result
    ) async throws -> Result {
        let query =
            [("container", container), ("stdout", "true"), ("stderr", "true")]
            + (hasInput ? [("stdin", "true")] : []) + command.map { ("command", $0) }
        let uri = path(.pods, pod) + "/exec" + Self.query(query.map { ($0.0, Optional($0.1)) })
        let connection = try await KubernetesRetry.run { try await connect(uri) }
        return try await connection.channel.executeThenClose { inbound, outbound in
            try await body(
                ExecSession(subprotocol: connection.subprotocol, inbound: inbound, outbound: outbound))
        }
    }

    private func connect(_ uri: String) async throws -> ExecConnection {
        let purpose = "running a command in a pod"
        var isRenewed = false
        while true {
            let current = try await credentials.get()
            let refusal: KubernetesError
            do {
                switch try await handshake(uri, current, purpose) {
                case .success(let connection): return connection
                case .failure(let error): refusal = error
                }
            } catch let error as KubernetesError {
                throw error
            } catch {
                try Task.checkCancellation()
                throw KubernetesError(connection: error, purpose: purpose)
            }
            guard refusal.kind == .status(401), !isRenewed, credentials.canRenew else { throw refusal }
            isRenewed = true
            await credentials.refuse(current)
        }
    }

    private func handshake(
        _ uri: String, _ current: ClusterCredentials.Current, _ purpose: String
    ) async throws -> Result<ExecConnection, KubernetesError> {
        guard let server = URLComponents(string: access.server), let host = server.host else {
            throw KubernetesError(.configuration, "The cluster's server is no URL.")
        }
        let isSecure = server.scheme == "https"
        let place = ExecConnector.Place(
            // URLs hold the addresses of IPv6 in brackets; sockets want them without.
            address: host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host,
            port: server.port ?? (isSecure ? 443 : 80), name: access.serverName,
            context: isSecure ? try await credentials.sslContext(current.tls) : nil)
        var headers: HTTPHeaders = [
            "host": server.port.map { "\(host):\($0)" } ?? host,
            "sec-websocket-protocol": "v5.channel.k8s.io, v4.channel.k8s.io",
            "user-agent": "swe-agent",
            "content-length": "0",
        ]
        if let authorization = current.authorization { headers.add(name: "authorization", value: authorization) }
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: (server.path) + uri, headers: headers)
        switch try await connector.connect(to: place, head) {
        case .upgraded(let connection): return .success(connection)
        case .refused(let channel): return .failure(try await Self.refusal(channel, purpose))
        }
    }

    private static func refusal(
        _ channel: NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>, _ purpose: String
    ) async throws -> KubernetesError {
        try await channel.executeThenClose { inbound, _ in
            var status = 0
            var headers = HTTPHeaders()
            var body = ByteBuffer()
            reading: for try await part in inbound {
                switch part {
                case .head(let head): (status, headers) = (Int(head.status.code), head.headers)
                case .body(let bytes): if body.readableBytes < 1 << 20 { body.writeImmutableBuffer(bytes) }
                case .end: break reading
                }
            }
            var error = KubernetesError(status: status, headers: headers, body: body, purpose: purpose)
            // This comes as an error of the server, but no later attempt will find a container that has ended.
            if status == 500, error.message.contains("container not found") { error.reason = "ContainerNotFound" }
            return error
        }
    }
}
