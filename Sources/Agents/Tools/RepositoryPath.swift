/// A path inside the repository, as a model may name it.
struct RepositoryPath: Sendable, Hashable {
    /// Relative to the repository; empty for the repository itself.
    let relative: String
    /// As commands in the sandbox see it.
    let absolute: String

    /// Reads a path, relative to the repository or absolute within it, by its text alone. Links resolve in the sandbox.
    ///
    /// - Throws: ``ToolArgumentError`` where the path leaves the repository.
    init(_ path: String, in directory: String) throws(ToolArgumentError) {
        // By bytes, as the file system reads it: `..` with a combining accent is a name.
        var bytes = Substring(path).utf8
        let root = directory.utf8
        if bytes.first == UInt8(ascii: "/") {
            guard bytes.starts(with: root), bytes.count == root.count || bytes.dropFirst(root.count).first == 0x2F
            else { throw Self.outside(path, directory) }
            bytes = bytes.dropFirst(root.count)
        }
        var components: [Substring] = []
        for component in bytes.split(separator: UInt8(ascii: "/")).map(Substring.init) {
            switch component {
            case ".": continue
            case "..":
                guard components.popLast() != nil else { throw Self.outside(path, directory) }
            default: components.append(component)
            }
        }
        guard !path.utf8.contains(0) else {
            throw ToolArgumentError(message: "A path cannot hold a zero byte.")
        }
        relative = components.joined(separator: "/")
        absolute = relative.isEmpty ? directory : "\(directory)/\(relative)"
    }

    /// What to call it when talking with the model.
    var name: String { relative.isEmpty ? "." : relative }

    private static func outside(_ path: String, _ directory: String) -> ToolArgumentError {
        ToolArgumentError(
            message: "The path \"\(path.prefix(200))\" leads out of the repository \(directory): "
                + "write a path relative to the repository.")
    }
}
