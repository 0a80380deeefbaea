/// How a text is cut into the pieces that byte-pair encoding never crosses, as the `pre_tokenizer` of a tokenizer file says.
enum PreTokenizer: Sendable {
    /// Cuts by GPT-2's pattern unless told otherwise, and writes bytes as characters of ``ByteLevelAlphabet``.
    case byteLevel(addPrefixSpace: Bool, pattern: SplitPattern?)
    case split(SplitPattern, Behavior, inverted: Bool)
    /// Writes spaces as another character, as SentencePiece does.
    case metaspace(replacement: String, prepend: Prepend, splits: Bool)
    case sequence([PreTokenizer])

    /// What becomes of the separators that a pattern finds.
    enum Behavior: String {
        case removed = "Removed"
        case isolated = "Isolated"
        case mergedWithPrevious = "MergedWithPrevious"
        case mergedWithNext = "MergedWithNext"
        case contiguous = "Contiguous"
    }

    enum Prepend: String { case always, first, never }

    /// A piece of text in UTF-8.
    struct Piece {
        var bytes: ArraySlice<UInt8>
        /// Whether it is the beginning of the whole text.
        var isFirst: Bool
    }

    func apply(to pieces: [Piece]) -> [Piece] {
        switch self {
        case .byteLevel(let addPrefixSpace, let pattern):
            return pieces.flatMap { piece in
                var piece = piece
                if addPrefixSpace, piece.bytes.first != 0x20 { piece.bytes = [0x20] + piece.bytes }
                let parts = pattern.map { Self.split(piece, by: $0, .isolated, inverted: false) } ?? [piece]
                return parts.map { part in
                    var characters: [UInt8] = []
                    characters.reserveCapacity(part.bytes.count * 2)
                    for byte in part.bytes { characters += ByteLevelAlphabet.characters[Int(byte)] }
                    return Piece(bytes: characters[...], isFirst: part.isFirst)
                }
            }
        case .split(let pattern, let behavior, let inverted):
            return pieces.flatMap { Self.split($0, by: pattern, behavior, inverted: inverted) }
        case .metaspace(let replacement, let prepend, let splits):
            return pieces.flatMap { piece in
                let mark = Array(replacement.utf8)
                var bytes = Array(piece.bytes).replacing([0x20], with: mark)
                if prepend == .always || (prepend == .first && piece.isFirst), !bytes.starts(with: mark) {
                    bytes = mark + bytes
                }
                let whole = Piece(bytes: bytes[...], isFirst: piece.isFirst)
                return splits ? Self.split(whole, beforeEach: mark) : [whole]
            }
        case .sequence(let parts):
            return parts.reduce(pieces) { $1.apply(to: $0) }
        }
    }

    private static func split(
        _ piece: Piece, by pattern: SplitPattern, _ behavior: Behavior, inverted: Bool
    ) -> [Piece] {
        var parts: [(range: Range<Int>, isSeparator: Bool)] = []
        var end = piece.bytes.startIndex
        for match in pattern.matches(in: piece.bytes) {
            if end < match.lowerBound { parts.append((end..<match.lowerBound, inverted)) }
            parts.append((match, !inverted))
            end = match.upperBound
        }
        if end < piece.bytes.endIndex { parts.append((end..<piece.bytes.endIndex, inverted)) }
        return behavior.ranges(parts).map {
            Piece(bytes: piece.bytes[$0], isFirst: piece.isFirst && $0.lowerBound == piece.bytes.startIndex)
        }
    }

    private static func split(_ piece: Piece, beforeEach mark: [UInt8]) -> [Piece] {
        var starts = [piece.bytes.startIndex]
        for match in piece.bytes.ranges(of: mark) where match.lowerBound > piece.bytes.startIndex {
            starts.append(match.lowerBound)
        }
        return zip(starts, starts.dropFirst() + [piece.bytes.endIndex]).map { start, end in
            Piece(bytes: piece.bytes[start..<end], isFirst: piece.isFirst && start == piece.bytes.startIndex)
        }
    }
}

extension PreTokenizer.Behavior {
    /// The pieces that are left of a text's parts.
    fileprivate func ranges(_ parts: [(range: Range<Int>, isSeparator: Bool)]) -> [Range<Int>] {
        switch self {
        case .isolated: return parts.map(\.range)
        case .removed: return parts.filter { !$0.isSeparator }.map(\.range)
        case .contiguous: return merge(parts) { $0.isSeparator == $1.isSeparator }
        case .mergedWithPrevious: return merge(parts) { !$0.isSeparator && $1.isSeparator }
        case .mergedWithNext: return merge(parts) { $0.isSeparator && !$1.isSeparator }
        }
    }

    private func merge(
        _ parts: [(range: Range<Int>, isSeparator: Bool)],
        where joins: ((range: Range<Int>, isSeparator: Bool), (range: Range<Int>, isSeparator: Bool)) -> Bool
    ) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for (index, part) in parts.enumerated() {
            if index > 0, joins(parts[index - 1], part), let last = ranges.popLast() {
                ranges.append(last.lowerBound..<part.range.upperBound)
            } else {
                ranges.append(part.range)
            }
        }
        return ranges
    }
}

extension PreTokenizer {
    /// GPT-2's, which `ByteLevel` uses.
    static let gpt2Pattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

    /// - Throws: ``Flaw`` for a kind that is unknown.
    init?(_ node: JSONNode?) throws(Flaw) {
        guard let node, !node.isNull else { return nil }
        switch node["type"]?.string {
        case "ByteLevel":
            let usesPattern = node["use_regex"]?.bool ?? true
            self = .byteLevel(
                addPrefixSpace: node["add_prefix_space"]?.bool ?? true,
                pattern: usesPattern ? try SplitPattern(Self.gpt2Pattern) : nil)
        case "Split":
            self = .split(
                try Self.pattern(node["pattern"]), try Self.behavior(node), inverted: node["invert"]?.bool ?? false)
        case "Digits":
            let isIndividual = node["individual_digits"]?.bool ?? false
            self = .split(try SplitPattern("\\p{N}"), isIndividual ? .isolated : .contiguous, inverted: false)
        case "Punctuation":
            self = .split(
                SplitPattern(one: .punctuation), try Self.behavior(node, default: .isolated), inverted: false)
        case "Whitespace": self = .split(try SplitPattern("\\w+|[^\\w\\s]+"), .removed, inverted: true)
        case "WhitespaceSplit": self = .split(try SplitPattern("\\s"), .removed, inverted: false)
        case "Metaspace":
            let isPrepended = node["add_prefix_space"]?.bool ?? true
            let scheme = node["prepend_scheme"]?.string ?? (isPrepended ? "always" : "never")
            guard let replacement = node["replacement"]?.string, replacement.unicodeScalars.count == 1,
                let prepend = Prepend(rawValue: scheme)
            else { throw Flaw("its pre-tokenizer Metaspace has a replacement or scheme that is unknown") }
            self = .metaspace(replacement: replacement, prepend: prepend, splits: node["split"]?.bool ?? true)
        case "Sequence":
            var parts: [PreTokenizer] = []
            for part in node["pretokenizers"]?.array ?? [] {
                if let part = try PreTokenizer(part) { parts.append(part) }
            }
            self = .sequence(parts)
        case let type: throw Flaw("its pre-tokenizer \((type ?? "without a type").quoted) is unknown")
        }
    }

    private static func pattern(_ node: JSONNode?) throws(Flaw) -> SplitPattern {
        if let pattern = node?["Regex"]?.string { return try SplitPattern(pattern) }
        guard let text = node?["String"]?.string, (1...400).contains(text.unicodeScalars.count) else {
            throw Flaw("its pre-tokenizer Split lacks its pattern, or has a very long one")
        }
        return SplitPattern(literal: text)
    }

    private static func behavior(_ node: JSONNode, default fallback: Behavior? = nil) throws(Flaw) -> Behavior {
        guard let name = node["behavior"]?.string ?? fallback?.rawValue, let behavior = Behavior(rawValue: name) else {
            throw Flaw("its pre-tokenizer has a behavior that is unknown")
        }
        return behavior
    }
}
