/// The address of a repository, checked so that git can be given it safely.
///
/// Git gives meaning to far more than addresses: `ext::sh -c …` runs a program, `--upload-pack=…` is an option, and
/// `ssh://-oProxyCommand=…` was once both. What is accepted here is a short list of plain forms; all else is refused.
public struct GitURL: Sendable, Hashable, CustomStringConvertible {
    /// How the repository is reached; the raw value is git's name of the protocol.
    public enum Transport: String, Sendable {
        case https, http, ssh
        case file
    }

    public let transport: Transport
    /// The host in lower case, an IPv6 address in brackets; empty for a local path.
    public let host: String
    public let port: Int?
    /// The URL as git gets it. Local repositories are given as plain absolute paths.
    public let text: String

    /// The most bytes a URL may have.
    public static let maximumLength = 2048

    /// Reads `https://`, `http://` to this machine, `ssh://`, `user@host:path`, and, where they are allowed, absolute
    /// paths and `file://`.
    ///
    /// - Parameter allowLocalPaths: Whether the operator lets tasks name repositories on this machine's disk.
    /// - Throws: ``GitURLError`` for anything else.
    public init(_ text: String, allowLocalPaths: Bool = false) throws(GitURLError) {
        guard !text.isEmpty else { throw GitURLError(.empty, "The repository URL is empty: \(Self.advice).") }
        guard text.utf8.count <= Self.maximumLength else {
            throw GitURLError(
                .tooLong, "The repository URL is longer than \(Self.maximumLength) bytes: write its plain address.")
        }
        let isPath = text.utf8.first == UInt8(ascii: "/")
        try Self.checkCharacters(text, allowSpaces: isPath)
        // From here on a URL is ASCII, so that what Swift takes for one character is also one byte to git.
        guard isPath || text.utf8.allSatisfy({ $0 < 0x80 }) else {
            throw GitURLError(.notASCII, "The repository URL holds letters beyond ASCII: write them as %….")
        }
        guard !text.hasPrefix("-") else {
            throw GitURLError(.leadingDash, "The repository URL starts with a dash: \(Self.advice).")
        }
        if !isPath, let colons = text.firstRange(of: "::"),
            text[..<colons.lowerBound].allSatisfy(Self.isSchemeCharacter)
        {
            throw GitURLError(
                .transportHelper, "Git's transport helpers (`name::address`) are not allowed: \(Self.advice).")
        }
        if !isPath, let separator = text.firstRange(of: "://") {
            try self.init(
                scheme: text[..<separator.lowerBound].lowercased(),
                rest: text[separator.upperBound...],
                allowLocalPaths: allowLocalPaths)
        } else if isPath {
            try self.init(localPath: text, allowLocalPaths: allowLocalPaths)
        } else {
            try self.init(scpLike: text)
        }
    }

    public var description: String { text }

    /// What git's settings for one host are named by: scheme, host and port, without path.
    var origin: String { "\(transport.rawValue)://\(host)" + (port.map { ":\($0)" } ?? "") }

    /// What comes before the path, for the protocols that have it.
    var isHTTP: Bool { transport == .http || transport == .https }

    fileprivate init(transport: Transport, host: String = "", port: Int? = nil, text: String) {
        self.transport = transport
        self.host = host
        self.port = port
        self.text = text
    }

    static let advice = "write https://host/path, ssh://git@host/path or git@host:path"
}

extension GitURL {
    private init(scheme: String, rest: Substring, allowLocalPaths: Bool) throws(GitURLError) {
        guard let transport = Transport(rawValue: scheme) else {
            throw GitURLError(.unsupportedScheme, "The repository URL's scheme is not supported: \(Self.advice).")
        }
        let authority = rest.prefix { !"/?#".contains($0) }
        let path = rest[authority.endIndex...]
        if transport == .file {
            guard authority.isEmpty || authority == "localhost" else {
                throw GitURLError(.badHost, "A file URL names no host: write file:///path.")
            }
            let decoded = try Self.checkPath(path)
            try self.init(localPath: decoded, allowLocalPaths: allowLocalPaths)
            return
        }

        var hostPart = authority
        var user = ""
        if let at = authority.lastIndex(of: "@") {
            user = String(authority[..<at])
            guard transport == .ssh, !user.contains(":") else {
                throw GitURLError(
                    .credentials,
                    "The repository URL holds a user name or password: take it out and set GIT_TOKEN instead.")
            }
            try Self.checkUser(user)
            hostPart = authority[authority.index(after: at)...]
            user += "@"
        }
        let (host, port) = try Self.splitPort(hostPart)
        guard transport != .http || Self.isLoopback(host) else {
            throw GitURLError(.plainHTTP, "Plain http is only allowed to this machine: write https:// instead.")
        }
        _ = try Self.checkPath(path)
        let portText = port.map { ":\($0)" } ?? ""
        self.init(
            transport: transport, host: host, port: port, text: "\(scheme)://\(user)\(host)\(portText)\(path)")
    }

    private init(localPath path: String, allowLocalPaths: Bool) throws(GitURLError) {
        guard allowLocalPaths else {
            throw GitURLError(
                .localPathNotAllowed, "Repositories on this machine's disk are not allowed here: \(Self.advice).")
        }
        try Self.checkCharacters(path, allowSpaces: true)
        try Self.checkComponents(path)
        self.init(transport: .file, text: path)
    }

    /// `user@host:path`. The user is required, so that `localhost:8080/x` or `C:\x` is not taken for an address.
    private init(scpLike text: String) throws(GitURLError) {
        guard let at = text.firstIndex(of: "@"), !text[..<at].contains(where: { "/:[".contains($0) }) else {
            throw GitURLError(.unsupportedScheme, "This is no address of a repository: \(Self.advice).")
        }
        let afterUser = text[text.index(after: at)...]
        let hostEnd = afterUser.first == "[" ? afterUser.firstIndex(of: "]") ?? afterUser.endIndex : at
        guard let colon = text[hostEnd...].firstIndex(of: ":"), !text[at..<colon].contains("/") else {
            throw GitURLError(.badPath, "The repository URL has no path: write git@host:path.")
        }
        try Self.checkUser(String(text[..<at]))
        let host = try Self.checkHost(afterUser[..<colon])
        let path = String(text[text.index(after: colon)...])
        guard !path.isEmpty, path != "/" else {
            throw GitURLError(.badPath, "The repository URL has no path: write git@host:path.")
        }
        try Self.checkComponents(path)
        self.init(transport: .ssh, host: host, text: "\(text[..<at])@\(host):\(path)")
    }
}

extension GitURL {
    private static func checkCharacters(_ text: String, allowSpaces: Bool) throws(GitURLError) {
        // Printable ASCII, which nearly every URL is, needs no look at Unicode's properties.
        for scalar in text.unicodeScalars where !(0x21...0x7E).contains(scalar.value) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse:
                throw GitURLError(.controlCharacters, "The repository URL holds a control character: take it out.")
            case .spaceSeparator where !(allowSpaces && scalar == " "):
                throw GitURLError(.whitespace, "The repository URL holds white space: write a space in it as %20.")
            default: continue
            }
        }
    }

    private static func checkUser(_ user: String) throws(GitURLError) {
        guard !user.hasPrefix("-") else {
            throw GitURLError(.leadingDash, "The user name in the repository URL starts with a dash: \(advice).")
        }
        guard !user.isEmpty, user.utf8.allSatisfy(isNameByte) else {
            throw GitURLError(
                .badUser, "The user name in the repository URL may only have letters, digits, '.', '_' and '-'.")
        }
    }

    private static func splitPort(_ text: Substring) throws(GitURLError) -> (host: String, port: Int?) {
        let hostEnd = text.first == "[" ? text.firstIndex(of: "]") ?? text.endIndex : text.startIndex
        guard let colon = text[hostEnd...].firstIndex(of: ":") else { return (try checkHost(text), nil) }
        let digits = text[text.index(after: colon)...]
        guard digits.count <= 5, digits.utf8.allSatisfy(isDigit), let port = Int(digits), 1...65535 ~= port else {
            throw GitURLError(.badPort, "The port in the repository URL is not a number from 1 to 65535.")
        }
        return (try checkHost(text[..<colon]), port)
    }

    private static func checkHost(_ text: Substring) throws(GitURLError) -> String {
        guard !text.isEmpty else { throw GitURLError(.badHost, "The repository URL has no host: \(advice).") }
        guard !text.hasPrefix("-") else {
            throw GitURLError(.leadingDash, "The host in the repository URL starts with a dash: \(advice).")
        }
        if text.hasPrefix("["), text.hasSuffix("]"), text.count > 4 {
            let address = text.dropFirst().dropLast()
            if address.contains(":"), address.allSatisfy({ $0.isASCII && ($0.isHexDigit || ":.".contains($0)) }) {
                return text.lowercased()
            }
        } else if text.utf8.allSatisfy(isNameByte), !text.hasPrefix("."), !text.contains("..") {
            return text.lowercased()
        }
        throw GitURLError(
            .badHost, "The host in the repository URL is not a name or address: write an international name as xn--….")
    }

    /// Checks the path of a URL with scheme, also as it reads after percent-decoding, which git does for some transports.
    private static func checkPath(_ path: Substring) throws(GitURLError) -> String {
        guard !path.utf8.contains(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }) else {
            throw GitURLError(.badPath, "The repository URL holds '?' or '#': write the address git clones from.")
        }
        guard path.utf8.contains(where: { $0 != UInt8(ascii: "/") }) else {
            throw GitURLError(.badPath, "The repository URL has no path: \(advice).")
        }
        var decoded: [UInt8] = []
        var bytes = Substring(path).utf8
        while let byte = bytes.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                decoded.append(byte)
                continue
            }
            let digits = bytes.prefix(2)
            guard digits.count == 2, digits.allSatisfy(isHexDigit), let value = UInt8(String(digits) ?? "", radix: 16)
            else {
                throw GitURLError(.badPath, "The repository URL has a '%' without two hex digits: write it as %25.")
            }
            bytes = bytes.dropFirst(2)
            decoded.append(value)
        }
        guard let text = String(validating: decoded, as: UTF8.self) else {
            throw GitURLError(.badPath, "The repository URL's path is not UTF-8.")
        }
        try checkCharacters(text, allowSpaces: true)
        try checkComponents(text)
        return text
    }

    private static func checkComponents(_ path: String) throws(GitURLError) {
        for component in path.utf8.split(separator: UInt8(ascii: "/")) {
            guard component.first != UInt8(ascii: "-") else {
                throw GitURLError(
                    .leadingDash, "A part of the repository URL's path starts with a dash, which git may misread.")
            }
            guard !component.elementsEqual("..".utf8), !component.elementsEqual(".".utf8) else {
                throw GitURLError(.badPath, "The repository URL's path holds '.' or '..': write the plain path.")
            }
        }
        guard !path.utf8.contains(UInt8(ascii: "\\")) else {
            throw GitURLError(.badPath, "The repository URL's path holds a backslash: write '/'.")
        }
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "[::1]" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    private static func isSchemeCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "+-.".contains(character))
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: isDigit(byte)
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

    private static func isHexDigit(_ byte: UInt8) -> Bool { Character(UnicodeScalar(byte)).isHexDigit }
}
