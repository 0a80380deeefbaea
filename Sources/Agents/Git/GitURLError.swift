/// Why a repository URL is refused, decided before git runs.
public struct GitURLError: Error, Codable, Sendable, Hashable, CustomStringConvertible {
    /// Stable names of the reasons, for programs to look at.
    public enum Code: String, Codable, Sendable, CaseIterable {
        case empty
        case tooLong = "too_long"
        case controlCharacters = "control_characters"
        case whitespace
        case notASCII = "not_ascii"
        case leadingDash = "leading_dash"
        case transportHelper = "transport_helper"
        case unsupportedScheme = "unsupported_scheme"
        case plainHTTP = "plain_http"
        case credentials
        case badUser = "bad_user"
        case badHost = "bad_host"
        case badPort = "bad_port"
        case badPath = "bad_path"
        case localPathNotAllowed = "local_path_not_allowed"
    }

    public var code: Code
    /// One sentence that says what is wrong and what to write. It never repeats the URL, which may hold a password.
    public var message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
