internal import Foundation

/// What is done to a text before it is split, as the `normalizer` of a tokenizer file says.
enum Normalizer: Sendable {
    case nfc, nfd, nfkc, nfkd
    /// Puts a text before one that is not empty.
    case prepend(String)
    case replace(String, with: String)
    case sequence([Normalizer])

    /// - Throws: ``Flaw`` for a kind that is unknown.
    init?(_ node: JSONNode?) throws(Flaw) {
        guard let node, !node.isNull else { return nil }
        switch node["type"]?.string {
        case "NFC": self = .nfc
        case "NFD": self = .nfd
        case "NFKC": self = .nfkc
        case "NFKD": self = .nfkd
        case "Prepend":
            guard let text = node["prepend"]?.string else { throw Flaw("its normalizer Prepend lacks its text") }
            self = .prepend(text)
        case "Replace":
            let (pattern, content) = try Self.replacement(node, of: "normalizer")
            self = .replace(pattern, with: content)
        case "Sequence":
            var parts: [Normalizer] = []
            for part in node["normalizers"]?.array ?? [] {
                if let part = try Normalizer(part) { parts.append(part) }
            }
            self = .sequence(parts)
        case let type: throw Flaw("its normalizer \((type ?? "without a type").quoted) is unknown")
        }
    }

    /// The text and its replacement of a `Replace`, which normalizers and decoders have alike.
    static func replacement(_ node: JSONNode, of owner: String) throws(Flaw) -> (pattern: String, content: String) {
        guard let pattern = node["pattern"]?["String"]?.string, !pattern.isEmpty,
            let content = node["content"]?.string
        else { throw Flaw("its \(owner) Replace has a pattern that is no text") }
        return (pattern, content)
    }

    func normalize(_ text: String) -> String {
        switch self {
        case .nfc: Self.isComposed(text) ? text : text.precomposedStringWithCanonicalMapping
        case .nfd: text.decomposedStringWithCanonicalMapping
        case .nfkc: text.precomposedStringWithCompatibilityMapping
        case .nfkd: text.decomposedStringWithCompatibilityMapping
        case .prepend(let prefix): text.isEmpty ? text : prefix + text
        case .replace(let pattern, let content): Self.replace(pattern, with: content, in: text)
        case .sequence(let parts): parts.reduce(text) { $1.normalize($0) }
        }
    }

    /// Whether a text is in NFC for the simple reason that nothing in it ever composes (NFC_Quick_Check).
    private static func isComposed(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0.value < 0x300 }
    }

    /// By bytes: `String` would not find a character that a combining mark follows.
    static func replace(_ pattern: String, with content: String, in text: String) -> String {
        String(
            decoding: Array(text.utf8).replacing(Array(pattern.utf8), with: Array(content.utf8)), as: UTF8.self)
    }
}
