/// What git on the host could not do.
public struct GitError: Error, Codable, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Codable, Sendable {
        /// The repository has no commit to start from.
        case emptyRepository = "empty_repository"
        /// The repository has no branch of the name.
        case branchNotFound = "branch_not_found"
        /// The host wants a login, or refuses the one it got.
        case unauthorized
        /// The host has no such repository, or hides it.
        case notFound = "not_found"
        /// The host does not answer, or not as a git host.
        case unreachable
        case timeout
        /// The repository is larger than is allowed.
        case tooLarge = "too_large"
        /// The patch is malformed, empty, does not fit the base, or touches what it must not.
        case invalidPatch = "invalid_patch"
        /// The patch is larger than is allowed.
        case patchTooLarge = "patch_too_large"
        /// Git is missing, too old, or failed in a way that has no name here.
        case failed
    }

    public var kind: Kind
    /// One sentence for a person, free of secrets.
    public var message: String

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { message }
}

extension GitError {
    /// Reads why git could not reach or use a remote repository from what it wrote in the C locale.
    init(remoteFailure text: String, url: GitURL, hasCredential: Bool) {
        let detail = Self.lastLine(of: text)
        func says(_ phrases: String...) -> Bool { phrases.contains { text.contains($0) } }

        if says("Remote branch ") && says("not found in upstream") {
            self.init(.branchNotFound, "The repository has no branch or tag of that name.")
        } else if says("Authentication failed", "could not read Username", "could not read Password", "error: 401")
            || says("error: 403", "Permission denied", "Access denied")
        {
            let advice =
                switch (url.isHTTP, hasCredential) {
                case (true, true): "GIT_TOKEN was not accepted; check that it is valid and may use this repository"
                case (true, false): "set GIT_TOKEN to a token that may use this repository"
                case (false, _): "check that the SSH key of this machine may use this repository"
                }
            self.init(.unauthorized, "The repository's host refused the login: \(advice).")
        } else if says("returned error: 30") {
            self.init(
                .unreachable,
                "The repository's host redirects to another address, which is not followed: name the repository by that address."
            )
        } else if says("dubious ownership") {
            self.init(
                .failed, "The local repository belongs to another user: run as its owner, or change the owner.")
        } else if says("Host key verification failed") {
            self.init(
                .unreachable, "The SSH host key of \(url.host) is not known here: add it to known_hosts first.")
        } else if says("not found", "does not exist", "does not appear to be a git repository", "error: 404") {
            self.init(.notFound, "There is no such repository, or it may not be seen with the login in use: \(detail)")
        } else if says("Could not resolve host", "Could not resolve hostname", "Name or service not known") {
            self.init(.unreachable, "The repository's host \(url.host) has no address: check the URL's spelling.")
        } else if says("unable to access", "Connection refused", "timed out", "Could not read from remote repository")
            || says("hung up unexpectedly", "unable to connect", "early EOF")
        {
            self.init(.unreachable, "The repository could not be reached: \(detail)")
        } else {
            self.init(.failed, "Git failed: \(detail)")
        }
    }

    /// The last `fatal:` or `error:` line, else the last line, cut to a sentence's length.
    static func lastLine(of text: String) -> String {
        let lines = text.split(whereSeparator: \.isNewline).filter { !$0.allSatisfy(\.isWhitespace) }
        let telling = lines.last { $0.hasPrefix("fatal:") || $0.hasPrefix("error:") } ?? lines.last
        return telling.map { String($0.prefix(300)) } ?? "no message"
    }
}
