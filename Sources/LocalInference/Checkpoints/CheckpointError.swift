/// Why the files of a model cannot be read, in one sentence that names the file.
public struct CheckpointError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
