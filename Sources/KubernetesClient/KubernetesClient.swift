internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOFoundationCompat
internal import NIOHTTP1
internal import NIOPosix

/// A client of one cluster's API: the requests, watches and commands that sandboxes need, and no more.
public struct KubernetesClient: Sendable {
    /// The namespace of every request.
    public let namespace: String
    let access: ClusterAccess
    let credentials: ClusterCredentials
    let connector = ExecConnector()
    private let http: HTTPClient

    /// Makes a client for as long as `body` runs.
    ///
    /// - Parameter namespace: `nil` takes the namespace of the context or service account.
    public static func withClient<Result: Sendable>(
        _ access: ClusterAccess, namespace: String? = nil,
        _ body: @Sendable (KubernetesClient) async throws -> Result
    ) async throws -> Result {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(15)
        // A watch on which nothing happens is ended by the server before; past this nobody is there any more.
        configuration.timeout.read = .seconds(watchSeconds + 60)
        // Each watch over HTTP/1 holds a connection.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 4096
        configuration.connectionPool.retryConnectionEstablishment = false
        if let name = access.serverName, let host = URL(string: access.server)?.host() {
            // The name is what TLS asks for and checks; the address is where it is asked.
            configuration.dnsOverride = [name: host]
        }
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let client = KubernetesClient(
            namespace: namespace ?? access.namespace, access: access, credentials: ClusterCredentials(access),
            http: http)
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body(client)) } catch { result = .failure(error) }
        client.connector.close()
        try? await http.shutdown()
        return try result.get()
    }

    // MARK: - Objects

    public func get<Object: KubernetesObject>(
        _ resource: KubernetesResource, _ name: String, as type: Object.Type = Object.self
    ) async throws -> Object {
        try await send(.GET, path(resource, name), purpose: "reading \(resource.plural)/\(name)")
    }

    /// Lists the objects of the namespace.
    ///
    /// - Parameters:
    ///   - labels: A label selector, such as `app=web`.
    ///   - fields: A field selector, such as `metadata.name=a`.
    public func list<Object: KubernetesObject>(
        _ resource: KubernetesResource, labels: String? = nil, fields: String? = nil, as type: Object.Type = Object.self
    ) async throws -> KubernetesList<Object> {
        let query = [("labelSelector", labels), ("fieldSelector", fields)]
        return try await send(.GET, path(resource), query: query, purpose: "listing \(resource.plural)")
    }

    /// Creates an object. A conflict means that one of its name exists.
    public func create<Object: KubernetesObject>(
        _ resource: KubernetesResource, _ object: ManifestValue, as type: Object.Type = Object.self
    ) async throws -> Object {
        try await send(.POST, path(resource), body: object, purpose: "creating \(resource.plural)")
    }

    /// Changes members of an object (a JSON merge patch, RFC 7396).
    public func patch<Object: KubernetesObject>(
        _ resource: KubernetesResource, _ name: String, _ change: ManifestValue, as type: Object.Type = Object.self
    ) async throws -> Object {
        try await send(
            .PATCH, path(resource, name), body: change, contentType: "application/merge-patch+json",
            purpose: "changing \(resource.plural)/\(name)")
    }

    /// Deletes an object. One that is not there counts as deleted.
    ///
    /// - Parameter uid: Deletes only the object with this id, and not one that took its name since.
    public func delete(_ resource: KubernetesResource, _ name: String, uid: String? = nil) async throws {
        var options: ManifestValue = ["apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"]
        if let uid { options["preconditions"] = ["uid": .string(uid)] }
        do {
            _ =
                try await send(
                    .DELETE, path(resource, name), body: options, purpose: "deleting \(resource.plural)/\(name)"
                ) as ManifestValue
        } catch let error as KubernetesError where error.isNotFound || (uid != nil && error.isConflict) {
            return
        }
    }

    /// Asks whether one may do something to objects of the namespace.
    public func may(_ verb: String, _ resource: KubernetesResource, subresource: String? = nil) async throws -> Bool {
        var attributes: ManifestValue = [
            "namespace": .string(namespace), "verb": .string(verb), "group": .string(resource.group),
            "resource": .string(resource.plural),
        ]
        if let subresource { attributes["subresource"] = .string(subresource) }
        let review: ManifestValue = [
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": ["resourceAttributes": attributes],
        ]
        let answer: ManifestValue = try await send(
            .POST, path(.accessReviews), body: review, purpose: "asking for permissions")
        return answer["status"]?["allowed"]?.bool == true
    }

    // MARK: - Requests

    func path(_ resource: KubernetesResource, _ name: String? = nil) -> String {
        resource.path(namespace: namespace) + (name.map { "/\(Self.escape($0))" } ?? "")
    }

    static func escape(_ text: String) -> String {
        let unreserved = CharacterSet(
            charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        return text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }

    static func query(_ items: [(String, String?)]) -> String {
        let set = items.compactMap { name, value in value.map { "\(name)=\(escape($0))" } }
        return set.isEmpty ? "" : "?" + set.joined(separator: "&")
    }

    /// Makes a request, again while the server is away or asks to wait, and reads the answer.
    private func send<Answer: Decodable>(
        _ method: HTTPMethod, _ path: String, query: [(String, String?)] = [], body: ManifestValue? = nil,
        contentType: String = "application/json", purpose: String
    ) async throws -> Answer {
        let bytes = try body.map { try JSONEncoder().encode($0) }
        let answer = try await KubernetesRetry.run {
            let response = try await open(
                method, path + Self.query(query), body: bytes, contentType: contentType, timeout: .seconds(60),
                purpose: purpose)
            return try await Self.collect(response, upTo: 64 << 20, purpose)
        }
        do {
            return try JSONDecoder().decode(Answer.self, from: Data(answer.readableBytesView))
        } catch {
            throw KubernetesError(.malformed, "\(purpose): the answer is not what the API describes.")
        }
    }

    /// Reads an answer to its end. The timeout of the request is that of its beginning.
    static func collect(_ response: HTTPClientResponse, upTo limit: Int, _ purpose: String) async throws -> ByteBuffer {
        do {
            return try await withTimeout(.seconds(60)) { try await response.body.collect(upTo: limit) }
        } catch let error as KubernetesError {
            throw error
        } catch {
            try Task.checkCancellation()
            throw KubernetesError(connection: error, purpose: purpose)
        }
    }

    /// Makes one request and returns its answer as soon as it begins, if it is a good one.
    func open(
        _ method: HTTPMethod, _ pathAndQuery: String, body: Data? = nil, contentType: String = "application/json",
        timeout: Duration, purpose: String
    ) async throws -> HTTPClientResponse {
        var isRenewed = false
        while true {
            let current = try await credentials.get()
            var request = HTTPClientRequest(url: url(pathAndQuery))
            request.method = method
            request.tlsConfiguration = current.tls
            request.headers = ["accept": "application/json", "user-agent": "swe-agent"]
            if let authorization = current.authorization {
                request.headers.add(name: "authorization", value: authorization)
            }
            if let body {
                request.headers.add(name: "content-type", value: contentType)
                request.body = .bytes(ByteBuffer(data: body))
            }
            let response: HTTPClientResponse
            do {
                response = try await http.execute(request, timeout: .seconds(timeout.components.seconds))
            } catch {
                try Task.checkCancellation()
                throw KubernetesError(connection: error, purpose: purpose)
            }
            if (200..<300).contains(response.status.code) { return response }
            let text = (try? await Self.collect(response, upTo: 1 << 20, purpose)) ?? ByteBuffer()
            if response.status == .unauthorized, !isRenewed, credentials.canRenew {
                isRenewed = true
                await credentials.refuse(current)
                continue
            }
            throw KubernetesError(
                status: Int(response.status.code), headers: response.headers, body: text, purpose: purpose)
        }
    }

    private func url(_ pathAndQuery: String) -> String {
        guard let name = access.serverName, var parts = URLComponents(string: access.server) else {
            return access.server + pathAndQuery
        }
        parts.host = name
        return (parts.string ?? access.server) + pathAndQuery
    }
}

/// Makes a request again while it may yet succeed.
enum KubernetesRetry {
    /// How long a server may be away. A control plane that is upgraded is back within this.
    private static let patience = Duration.seconds(90)
    /// How long a server that is there may ask to wait.
    private static let patienceWithBusyServers = Duration.seconds(600)

    static func run<Result>(
        where isWorthwhile: (KubernetesError) -> Bool = \.isTransient, _ body: () async throws -> Result
    ) async throws -> Result {
        let start = ContinuousClock.now
        var pause = Duration.milliseconds(100)
        while true {
            do {
                return try await body()
            } catch let error as KubernetesError where isWorthwhile(error) {
                // The spread keeps many tasks from coming back at the same moment.
                let wait = (error.retryAfter ?? .zero) + pause * Double.random(in: 0.5...1)
                let patience = error.kind == .status(429) ? patienceWithBusyServers : patience
                guard ContinuousClock.now + wait < start + patience else { throw error }
                try await Task.sleep(for: wait)
                pause = min(pause * 2, .seconds(5))
            }
        }
    }
}
