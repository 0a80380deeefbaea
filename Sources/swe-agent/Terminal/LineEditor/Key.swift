/// A key of a terminal, or what else comes in the place of keys.
enum Key: Sendable, Hashable {
    case text(Character)
    /// What was pasted, in one piece, where the terminal brackets pastes.
    case paste(String)
    case enter
    /// A line break within the text (Alt-Enter).
    case newline
    case backspace, delete
    case left, right, up, down, home, end, wordLeft, wordRight
    /// Ctrl and a letter, in lower case, that none of the above is.
    case control(Character)
}

/// Reads keys from the bytes of a terminal (ECMA-48, and xterm's sequences), however they are cut into pieces.
struct KeyDecoder: Sendable {
    private static let escape: UInt8 = 0x1B
    private static let pasteEnd: [UInt8] = [0x1B] + Array("[201~".utf8)
    /// A paste beyond this is not held back for its end, which may never come.
    private static let pasteLimit = 4 << 20

    private var bytes: [UInt8] = []
    private var isPasting = false

    /// Whether what has come is only the beginning of something.
    var isAmidst: Bool { isPasting || !bytes.isEmpty }

    /// Takes in bytes.
    ///
    /// - Returns: The keys that are complete with them. Characters of more than one scalar come as several; the editor
    ///   joins them.
    mutating func decode(_ new: [UInt8]) -> [Key] {
        bytes += new
        var keys: [Key] = []
        var position = 0
        while position < bytes.count, let (key, length) = next(at: position) {
            position += length
            if let key { keys.append(key) }
        }
        bytes.removeFirst(position)
        return keys
    }

    /// The key that begins at a byte, and its length; `nil` where its end has not come.
    private mutating func next(at start: Int) -> (Key?, Int)? {
        if isPasting { return paste(at: start) }
        let byte = bytes[start]
        switch byte {
        case Self.escape: return sequence(at: start)
        case 0x0D, 0x0A: return (.enter, 1)
        case 0x7F, 0x08: return (.backspace, 1)
        case 0x01: return (.home, 1)
        case 0x05: return (.end, 1)
        case 0x02: return (.left, 1)
        case 0x06: return (.right, 1)
        case 0x10: return (.up, 1)
        case 0x0E: return (.down, 1)
        case 0x09: return (.text("\t"), 1)
        case 0x00..<0x20: return (.control(Character(Unicode.Scalar(byte + 0x60))), 1)
        default: return scalar(at: start)
        }
    }

    private func scalar(at start: Int) -> (Key?, Int)? {
        let length =
            switch bytes[start] {
            case 0xC2...0xDF: 2
            case 0xE0...0xEF: 3
            case 0xF0...0xF4: 4
            default: 1
            }
        let part = bytes[start...].prefix(length)
        // A byte that cannot go on the character shows that the character is broken.
        if let wrong = part.dropFirst().firstIndex(where: { $0 & 0xC0 != 0x80 }) { return (nil, wrong - start) }
        guard part.count == length else { return nil }
        let text = String(validating: part, as: UTF8.self)
        return (text?.first.map(Key.text), length)
    }

    /// An escape sequence: `ESC [ parameters final`, `ESC O final`, or Alt and a key.
    private mutating func sequence(at start: Int) -> (Key?, Int)? {
        guard start + 1 < bytes.count else { return nil }
        switch bytes[start + 1] {
        case UInt8(ascii: "["):
            var end = start + 2
            while end < bytes.count, (0x20...0x3F).contains(bytes[end]) { end += 1 }
            guard end < bytes.count else { return end - start > 32 ? (nil, end - start) : nil }
            // Another control character broke the sequence off.
            guard (0x40...0x7E).contains(bytes[end]) else { return (nil, end - start) }
            let text = String(decoding: bytes[(start + 2)...end], as: UTF8.self)
            if text == "200~" { isPasting = true }
            return (Self.keys[text], end + 1 - start)
        case UInt8(ascii: "O"):
            guard start + 2 < bytes.count else { return nil }
            return (Self.keys[String(decoding: [bytes[start + 2]], as: UTF8.self)], 3)
        case 0x0D, 0x0A: return (.newline, 2)
        case UInt8(ascii: "b"): return (.wordLeft, 2)
        case UInt8(ascii: "f"): return (.wordRight, 2)
        case 0x7F: return (.control("w"), 2)
        case Self.escape: return (nil, 1)
        default: return (nil, 2)
        }
    }

    private mutating func paste(at start: Int) -> (Key?, Int)? {
        let rest = bytes[start...]
        if let end = rest.firstRange(of: Self.pasteEnd) {
            isPasting = false
            let text = String(decoding: rest[..<end.lowerBound], as: UTF8.self)
            return (.paste(text), end.upperBound - start)
        }
        guard rest.count > Self.pasteLimit else { return nil }
        isPasting = false
        return (.paste(String(decoding: rest, as: UTF8.self)), rest.count)
    }

    private static let keys: [String: Key] = [
        "A": .up, "B": .down, "C": .right, "D": .left, "H": .home, "F": .end,
        "1~": .home, "7~": .home, "4~": .end, "8~": .end, "3~": .delete,
        "1;5C": .wordRight, "1;5D": .wordLeft, "1;3C": .wordRight, "1;3D": .wordLeft,
    ]
}
