import Foundation
import Hummingbird
import NIOCore
import Subprocess
import SystemPackage

/// Bare repositories of one directory, served over HTTP on loopback by `git http-backend`; see git-http-backend(1).
public struct GitHTTPServer: Sendable {
    /// What the server does beyond serving.
    public struct Behaviour: Sendable {
        /// The login that is asked for; `nil` lets everyone read and write.
        public var login: (username: String, password: String)?
        /// Where every request is redirected, once it has passed the login.
        public var redirect: String?
        /// The status that every request is answered with, once it has passed the login.
        public var status: Int?
        /// Whether requests are never answered.
        public var hangs = false
        /// Called before git does what a request asks for, and again once it is done and not yet answered.
        public var observe: @Sendable (Received, Moment) async -> Void

        public init(
            login: (username: String, password: String)? = nil, redirect: String? = nil, status: Int? = nil,
            hangs: Bool = false, observe: @escaping @Sendable (Received, Moment) async -> Void = { _, _ in }
        ) {
            self.login = login
            self.redirect = redirect
            self.status = status
            self.hangs = hangs
            self.observe = observe
        }
    }

    /// Where a request stands.
    public enum Moment: String, Sendable, CaseIterable {
        case asked, done
    }

    /// A request that came in.
    public struct Received: Sendable {
        public var path: String
        public var authorization: String?
    }

    public let port: Int
    private let log: RequestLog

    /// `http://127.0.0.1:<port>`.
    public var origin: String { "http://127.0.0.1:\(port)" }

    /// The requests so far.
    public var received: [Received] { get async { await log.received } }

    /// Serves the bare repositories below `root` as long as `body` runs.
    public static func serving<Result>(
        _ root: String,
        behaviour: Behaviour = Behaviour(),
        _ body: (GitHTTPServer) async throws -> Result
    ) async throws -> Result {
        let log = RequestLog()
        return try await withLoopbackServer({ request in
            try await respond(to: request, root: root, behaviour: behaviour, log: log)
        }) { port in
            try await body(GitHTTPServer(port: port, log: log))
        }
    }
}

extension GitHTTPServer {
    private static func respond(
        to request: Request, root: String, behaviour: Behaviour, log: RequestLog
    ) async throws -> Response {
        let authorization = request.headers[.authorization]
        let received = Received(path: request.uri.string, authorization: authorization)
        await log.add(received)
        if behaviour.hangs { try await Task.sleep(for: .seconds(600)) }
        if let login = behaviour.login {
            let expected = "Basic " + Data("\(login.username):\(login.password)".utf8).base64EncodedString()
            guard authorization == expected else {
                return Response(status: .unauthorized, headers: [.wwwAuthenticate: #"Basic realm="git""#])
            }
        }
        if let redirect = behaviour.redirect {
            return Response(status: .found, headers: [.location: redirect + request.uri.string])
        }
        if let status = behaviour.status { return Response(status: .init(code: status)) }

        var environment: [Subprocess.Environment.Key: String] = [
            "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
            "GIT_PROJECT_ROOT": root,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "REQUEST_METHOD": request.method.rawValue,
            "PATH_INFO": request.uri.path,
            "QUERY_STRING": request.uri.query ?? "",
            "CONTENT_TYPE": request.headers[.contentType] ?? "",
            "HTTP_CONTENT_ENCODING": request.headers[.contentEncoding] ?? "",
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": behaviour.login?.username ?? "anyone",
        ]
        if let name = HTTPFields.Element.Name("Git-Protocol"), let value = request.headers[name] {
            environment["GIT_PROTOCOL"] = value
        }
        let body = try await request.body.collect(upTo: 64 << 20)
        await behaviour.observe(received, .asked)
        let result = try await Subprocess.run(
            .name("git"), arguments: ["http-backend"], environment: .custom(environment),
            input: .array(Array(body.readableBytesView)), output: .bytes(limit: 64 << 20), error: .discarded)
        await behaviour.observe(received, .done)
        return response(fromCGI: result.standardOutput)
    }

    /// Headers, an empty line, the body; a `Status` header takes the place of the status line (RFC 3875, section 6).
    private static func response(fromCGI output: [UInt8]) -> Response {
        guard let end = output.firstRange(of: "\r\n\r\n".utf8) else { return Response(status: .internalServerError) }
        var response = Response(status: .ok)
        for line in String(decoding: output[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            if line[..<colon] == "Status" {
                response.status = .init(code: Int(value.prefix(3)) ?? 500)
            } else if let name = HTTPFields.Element.Name(String(line[..<colon])) {
                response.headers[name] = value
            }
        }
        response.body = ResponseBody(byteBuffer: ByteBuffer(bytes: output[end.upperBound...]))
        return response
    }
}

/// The requests that a server got.
private actor RequestLog {
    private(set) var received: [GitHTTPServer.Received] = []

    func add(_ request: GitHTTPServer.Received) { received.append(request) }
}
