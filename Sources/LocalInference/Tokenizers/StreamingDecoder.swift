/// Decodes tokens one by one; what it has given out is the text of all tokens so far, but for an unfinished character.
public struct StreamingDecoder: Sendable {
    private let tokenizer: Tokenizer
    private let skipsSpecialTokens: Bool
    /// Byte-level tokens: the bytes of an unfinished character.
    private var bytes: [UInt8] = []
    /// Other tokens: those that may still be needed, and how many of them are given out.
    private var window: [Int] = []
    private var shown = 0

    /// So many tokens without a text are no unfinished character any more.
    private static let patience = 16

    init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool) {
        self.tokenizer = tokenizer
        skipsSpecialTokens = skipSpecialTokens
    }

    /// Takes the next token; returns the text that is certain now.
    public mutating func append(_ id: Int) -> String {
        guard tokenizer.isByteLevel else { return appendToWindow(id) }
        guard let token = tokenizer.text(of: id, skipSpecialTokens: skipsSpecialTokens) else { return "" }
        bytes += TokenDecoder.bytes(token)
        let kept = Self.unfinishedCount(bytes)
        defer { bytes.removeFirst(bytes.count - kept) }
        return String(decoding: bytes.dropLast(kept), as: UTF8.self)
    }

    /// Returns what is left, after the last token.
    public mutating func finish() -> String {
        defer { (bytes, window, shown) = ([], [], 0) }
        guard tokenizer.isByteLevel else { return rest() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// How many bytes at the end are the beginning of a character whose rest may still come.
    private static func unfinishedCount(_ bytes: [UInt8]) -> Int {
        for count in 1...3 where count <= bytes.count {
            let lead = bytes[bytes.count - count]
            guard lead & 0xc0 == 0x80 else {
                guard lead >= 0xc2, lead <= 0xf4, UTF8Character.length(leading: lead) > count else { return 0 }
                // One that can no longer become a character is given out as a replacement now, as it would be at the end.
                let start = Array(bytes.suffix(count))
                return isPrefix(start) ? count : 0
            }
        }
        return 0
    }

    /// Whether bytes begin a character: the second byte has narrower bounds after some first ones (Unicode, table 3-7).
    private static func isPrefix(_ bytes: [UInt8]) -> Bool {
        guard bytes.count > 1 else { return true }
        return switch bytes[0] {
        case 0xe0: bytes[1] >= 0xa0
        case 0xed: bytes[1] < 0xa0
        case 0xf0: bytes[1] >= 0x90
        case 0xf4: bytes[1] < 0x90
        default: true
        }
    }

    /// A token's text may depend on the one before it, so that one is decoded along.
    private mutating func appendToWindow(_ id: Int) -> String {
        window.append(id)
        let text = rest()
        let isOpen = text.unicodeScalars.last == "\u{FFFD}" && window.count - shown < Self.patience
        guard !text.isEmpty, !isOpen else { return "" }
        window.removeFirst(shown)
        shown = window.count
        return text
    }

    private func rest() -> String {
        let before = tokenizer.decode(Array(window.prefix(shown)), skipSpecialTokens: skipsSpecialTokens)
        let all = tokenizer.decode(window, skipSpecialTokens: skipsSpecialTokens)
        return String(decoding: all.utf8.dropFirst(before.utf8.count), as: UTF8.self)
    }
}
