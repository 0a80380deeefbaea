/// Tokens that are found in a text before anything else is done to it: special ones, and CodeGen's runs of spaces.
struct AddedTokens: Sendable {
    struct Token: Sendable, Hashable {
        var id: Int
        var content: String
        /// Whether it is control (`<|endoftext|>`) and no text.
        var isSpecial: Bool
        /// Found only where no letter, digit or underscore is beside it.
        var isSingleWord = false
        /// Takes the whitespace before it along, or behind it.
        var stripsLeft = false
        var stripsRight = false
        /// Looked for in the normalized text, and not in the text as it is.
        var isNormalized: Bool
    }

    /// A piece of a text: a token, or text between tokens.
    enum Piece {
        case token(Int)
        case text(Range<Int>)
    }

    private var tokens: [Token] = []
    private var tokenOfID: [Int: Int] = [:]
    private var tokenOfContent: [[UInt8]: Int] = [:]
    /// The greatest number of a token; -1 without any.
    private(set) var lastID = -1
    private var specialContents: Set<[UInt8]> = []
    private var exact = PrefixTree()
    private var normalized = PrefixTree()

    /// Adds a token whose text is not empty and not there yet.
    mutating func add(_ token: Token, normalizer: Normalizer?) {
        if token.isSpecial { specialContents.insert(Array(token.content.utf8)) }
        tokenOfID[token.id] = tokens.count
        tokenOfContent[Array(token.content.utf8)] = tokens.count
        lastID = max(lastID, token.id)
        tokens.append(token)
        insert(tokens.count - 1, isNormalized: token.isNormalized, normalizer)
    }

    /// Makes a token that is there special. It is then looked for in this way, too.
    mutating func markSpecial(_ content: String, isNormalized: Bool, normalizer: Normalizer?) {
        guard specialContents.insert(Array(content.utf8)).inserted,
            let index = tokenOfContent[Array(content.utf8)]
        else { return }
        insert(index, isNormalized: isNormalized, normalizer)
    }

    private mutating func insert(_ index: Int, isNormalized: Bool, _ normalizer: Normalizer?) {
        let content = tokens[index].content
        if isNormalized {
            normalized.insert(Array((normalizer?.normalize(content) ?? content).utf8), value: index)
        } else {
            exact.insert(Array(content.utf8), value: index)
        }
    }

    /// The text of a token by its number.
    func content(of id: Int) -> String? {
        tokenOfID[id].map { tokens[$0].content }
    }

    /// The number of a token by its text.
    func id(of content: String) -> Int? {
        tokenOfContent[Array(content.utf8)].map { tokens[$0].id }
    }

    /// Special is a matter of the text: a token of the model that reads like a special one is one.
    func isSpecial(_ content: some Collection<UInt8>) -> Bool {
        specialContents.contains(Array(content))
    }

    /// Cuts a text that is not normalized yet.
    func split(_ text: [UInt8]) -> [Piece] { split(text, exact) }

    /// Cuts a normalized text.
    func splitNormalized(_ text: [UInt8]) -> [Piece] { split(text, normalized) }

    /// Cuts a text where tokens are: the leftmost first, and of those that begin at one place the longest.
    private func split(_ text: [UInt8], _ tree: PrefixTree) -> [Piece] {
        guard !text.isEmpty else { return [] }
        guard !tree.isEmpty else { return [.text(0..<text.count)] }
        var pieces: [Piece] = []
        var done = 0
        var position = 0
        while position < text.count {
            guard let (value, length) = tree.longest(in: text, at: position) else {
                position += 1
                continue
            }
            let token = tokens[value]
            var (start, end) = (position, position + length)
            position = end
            if token.isSingleWord, text.endsWithWord(at: start) || text.beginsWithWord(at: end) { continue }
            if token.stripsLeft { start = max(done, text.startOfWhitespace(before: start)) }
            if token.stripsRight { end = text.endOfWhitespace(after: end) }
            if done < start { pieces.append(.text(done..<start)) }
            pieces.append(.token(token.id))
            done = end
        }
        if done < text.count { pieces.append(.text(done..<text.count)) }
        return pieces
    }
}

/// Texts by their bytes.
private struct PrefixTree: Sendable {
    private var children: [Int: Int] = [:]
    private var values: [Int] = [-1]
    private var firstBytes = [Bool](repeating: false, count: 256)

    var isEmpty: Bool { values.count == 1 }

    mutating func insert(_ text: [UInt8], value: Int) {
        guard let first = text.first else { return }
        firstBytes[Int(first)] = true
        var node = 0
        for byte in text {
            let key = node << 8 | Int(byte)
            if let child = children[key] {
                node = child
            } else {
                values.append(-1)
                node = values.count - 1
                children[key] = node
            }
        }
        values[node] = value
    }

    func longest(in text: [UInt8], at start: Int) -> (value: Int, length: Int)? {
        guard firstBytes[Int(text[start])] else { return nil }
        var found: (value: Int, length: Int)?
        var node = 0
        for position in start..<text.count {
            guard let child = children[node << 8 | Int(text[position])] else { break }
            node = child
            if values[node] >= 0 { found = (values[node], position - start + 1) }
        }
        return found
    }
}

extension [UInt8] {
    private func scalar(before end: Int) -> (Unicode.Scalar, start: Int)? {
        guard end > 0 else { return nil }
        var start = end - 1
        while start > 0, self[start] & 0xc0 == 0x80 { start -= 1 }
        return String(decoding: self[start..<end], as: UTF8.self).unicodeScalars.first.map { ($0, start) }
    }

    private func scalar(after start: Int) -> (Unicode.Scalar, end: Int)? {
        guard start < count else { return nil }
        let end = Swift.min(count, start + UTF8Character.length(leading: self[start]))
        return String(decoding: self[start..<end], as: UTF8.self).unicodeScalars.first.map { ($0, end) }
    }

    fileprivate func endsWithWord(at end: Int) -> Bool {
        scalar(before: end).map { ScalarSet.Item.word.contains($0.0) } ?? false
    }

    fileprivate func beginsWithWord(at start: Int) -> Bool {
        scalar(after: start).map { ScalarSet.Item.word.contains($0.0) } ?? false
    }

    fileprivate func startOfWhitespace(before end: Int) -> Int {
        var end = end
        while let (scalar, start) = scalar(before: end), scalar.properties.isWhitespace { end = start }
        return end
    }

    fileprivate func endOfWhitespace(after start: Int) -> Int {
        var start = start
        while let (scalar, end) = scalar(after: start), scalar.properties.isWhitespace { start = end }
        return start
    }
}
