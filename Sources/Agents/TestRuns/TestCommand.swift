/// How a repository's tests are run.
public struct TestCommand: Codable, Sendable, Hashable {
    /// What bash runs in the repository's directory.
    public var command: String
    /// Why it is this one, such as `package.json has a "test" script`.
    public var reason: String

    public init(command: String, reason: String) {
        self.command = command
        self.reason = reason
    }
}
