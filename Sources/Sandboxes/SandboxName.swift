/// The names of sandboxes and of commands, which become parts of paths and records.
enum SandboxName {
    /// Gives back a good name.
    ///
    /// - Throws: ``SandboxError`` for any other.
    static func checked(_ name: String) throws -> String {
        guard name.wholeMatch(of: /[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}/) != nil, !name.contains("..") else {
            throw SandboxError(
                .failed,
                "\(name.debugDescription) is no id: use at most 128 letters, digits, '-', '_' and single '.', "
                    + "and no '.' at the beginning.")
        }
        return name
    }
}
