/// A credential that does not show itself: printing, dumping or interpolating it gives `•••`, and it cannot be encoded.
///
/// It leaves the process only where ``reveal()`` is written out, which is the place to review.
public struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let value: String

    public init(_ value: String) { self.value = value }

    /// The credential itself, for the one header it belongs in.
    public func reveal() -> String { value }

    public var description: String { "•••" }
    public var debugDescription: String { "•••" }
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}

extension Secret {
    /// A text from outside, made fit for a log: without this key or anything that looks like one, on one line, short.
    ///
    /// Providers quote the key they refuse, and a proxy may echo the whole request.
    static func sanitize(_ text: String, hiding key: Secret?) -> String {
        var text = text
        if let key = key?.value, !key.isEmpty { text = text.replacing(key, with: "•••") }
        let words = text.prefix(4096).split(whereSeparator: { $0.isWhitespace || $0.isNewline }).map { word in
            let start = word.drop(while: { !$0.isLetter })
            return keyPrefixes.contains(where: start.hasPrefix) ? "•••" : String(word.filter { !$0.isControl })
        }
        let line = words.joined(separator: " ")
        return line.count <= 300 ? line : line.prefix(300) + "…"
    }

    private static let keyPrefixes = ["sk-", "AIza"]
}

extension Character {
    fileprivate var isControl: Bool { unicodeScalars.contains { $0.properties.generalCategory == .control } }
}
