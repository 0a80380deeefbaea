/// Why a model could not be fetched, found or removed, in one sentence that says what to do.
public struct ModelHubError: Error, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
