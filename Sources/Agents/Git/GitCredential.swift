import Workflow

/// The token that git logs in with over HTTP. Printing or reflecting it shows nothing.
public struct GitCredential: Sendable, CustomStringConvertible, CustomReflectable {
    private let username: String
    private let token: String
    private let hosts: Set<String>?

    /// - Parameters:
    ///   - token: The password or token, such as `GIT_TOKEN` holds.
    ///   - username: Most hosts take any name beside a token; GitHub documents `x-access-token`.
    ///   - hosts: The hosts that may get the token. `nil` gives it to the host of whatever repository is asked for.
    /// - Returns: `nil` where the token or name is empty or has a line break or NUL, which git's protocol cannot carry.
    public init?(token: String, username: String = "x-access-token", hosts: Set<String>? = nil) {
        let isPlain = { (text: String) in !text.isEmpty && !text.utf8.contains { $0 < 0x20 } }
        guard isPlain(token), isPlain(username) else { return nil }
        self.token = token
        self.username = username
        self.hosts = hosts.map { Set($0.map { $0.lowercased() }) }
    }

    public var description: String { "GitCredential(hidden)" }

    public var customMirror: Mirror { Mirror(self, children: []) }

    /// Whether the token may be sent to the URL's host.
    func applies(to url: GitURL) -> Bool {
        url.isHTTP && hosts?.contains(url.host) ?? true
    }

    /// What a credential helper answers; see git-credential(1), "Input/output format".
    var helperAnswer: [UInt8] {
        Array("username=\(username)\npassword=\(token)\n".utf8)
    }

    /// Takes the token out of what git wrote, also as the Basic authorization that carries it.
    func scrub(_ bytes: [UInt8]) -> [UInt8] {
        Redaction([token, "\(username):\(token)"])(bytes)
    }
}
