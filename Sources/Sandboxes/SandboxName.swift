/// The names of sandboxes and of commands, which become parts of paths and records.
enum SandboxName {
    /// Gives back a good name.
    ///
    /// - Throws: ``SandboxError`` for any other.
    static func checked(_ name: String) throws -> String {
        // A loop rather than a pattern, as every command comes by here.
        let isGood =
            (1...128).contains(name.utf8.count) && name.utf8.first != UInt8(ascii: ".")
            && name.utf8.allSatisfy(isNameByte) && !zip(name.utf8, name.utf8.dropFirst()).contains { $0 == (dot, dot) }
        guard isGood else {
            throw SandboxError(
                .failed,
                "\(name.debugDescription) is no id: use at most 128 letters, digits, '-', '_' and single '.', "
                    + "and no '.' at the beginning.")
        }
        return name
    }

    private static let dot = UInt8(ascii: ".")

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), dot:
            true
        default: false
        }
    }
}
