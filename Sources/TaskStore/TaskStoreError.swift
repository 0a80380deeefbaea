/// Why the task store cannot be used, in one sentence that says what to do.
public struct TaskStoreError: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String

    public init(_ description: String) {
        self.description = description
    }
}
