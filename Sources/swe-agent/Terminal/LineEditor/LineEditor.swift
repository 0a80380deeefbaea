/// A text as it is edited: what keys do to it. Knows no terminal; ``LineDisplay`` shows it.
struct LineEditor: Sendable {
    /// How editing ended.
    enum Ending: Sendable, Hashable {
        case entered(String)
        /// Ctrl-D on an empty line.
        case endOfInput
        /// Ctrl-C.
        case interrupted
    }

    private(set) var text: [Character] = []
    /// Before which character the cursor stands.
    private(set) var cursor = 0
    /// What was cut last, for Ctrl-Y.
    private var cut: [Character] = []
    /// The earlier texts, oldest first, and the place among them; at their end stands the text that is being written.
    private var history: [String]
    private var place: Int
    private var draft: [Character] = []
    /// Set when the screen is to be cleared (Ctrl-L).
    var clearsScreen = false

    init(history: [String]) {
        self.history = history
        place = history.count
    }

    /// Does what a key says.
    ///
    /// - Returns: How editing ended, or `nil` while it goes on.
    mutating func press(_ key: Key) -> Ending? {
        switch key {
        case .text(let character): insert([character])
        case .paste(let pasted): insert(Array(Self.cleaned(pasted)))
        case .newline: insert(["\n"])
        case .enter: return .entered(String(text))
        case .backspace: if cursor > 0 { remove(cursor - 1..<cursor) }
        case .delete: if cursor < text.count { remove(cursor..<cursor + 1) }
        case .left: cursor = max(0, cursor - 1)
        case .right: cursor = min(text.count, cursor + 1)
        case .home: cursor = lineStart
        case .end: cursor = lineEnd
        case .wordLeft: cursor = wordStart
        case .wordRight: cursor = wordEnd
        case .up: moveUp()
        case .down: moveDown()
        case .control(let letter): return control(letter)
        }
        return nil
    }

    private mutating func control(_ letter: Character) -> Ending? {
        switch letter {
        case "c": return .interrupted
        case "d":
            if text.isEmpty { return .endOfInput }
            if cursor < text.count { remove(cursor..<cursor + 1) }
        case "u": cutOut(lineStart..<cursor)
        // At the end of a line, the line break goes.
        case "k": cutOut(cursor..<(cursor == lineEnd ? min(cursor + 1, text.count) : lineEnd))
        case "w": cutOut(wordStart..<cursor)
        case "y": insert(cut)
        case "l": clearsScreen = true
        default: break
        }
        return nil
    }

    // MARK: Changes

    private mutating func insert(_ characters: [Character]) {
        guard !characters.isEmpty else { return }
        // What combines with the character before the cursor becomes one with it.
        if cursor > 0, characters.count == 1 {
            let joined = String(text[cursor - 1]) + String(characters[0])
            if joined.count == 1 {
                text[cursor - 1] = Character(joined)
                return
            }
        }
        text.insert(contentsOf: characters, at: cursor)
        cursor += characters.count
    }

    private mutating func remove(_ range: Range<Int>) {
        text.removeSubrange(range)
        cursor = range.lowerBound
    }

    private mutating func cutOut(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        cut = Array(text[range])
        remove(range)
    }

    private mutating func replace(with new: [Character]) {
        text = new
        cursor = new.count
    }

    /// Pasted text with line breaks as we write them and without other control characters than tabs.
    private static func cleaned(_ pasted: String) -> String {
        var text = pasted.replacing("\r\n", with: "\n").replacing("\r", with: "\n")
        text.unicodeScalars.removeAll { scalar in
            scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
        }
        while text.last == "\n" { text.removeLast() }
        return text
    }

    mutating func moveToEnd() { cursor = text.count }

    // MARK: Places

    private var lineStart: Int { (text[..<cursor].lastIndex(of: "\n") ?? -1) + 1 }
    private var lineEnd: Int { text[cursor...].firstIndex(of: "\n") ?? text.count }

    private var wordStart: Int {
        var place = cursor
        while place > 0, text[place - 1].isWhitespace { place -= 1 }
        while place > 0, !text[place - 1].isWhitespace { place -= 1 }
        return place
    }

    private var wordEnd: Int {
        var place = cursor
        while place < text.count, text[place].isWhitespace { place += 1 }
        while place < text.count, !text[place].isWhitespace { place += 1 }
        return place
    }

    // MARK: Up and down: through the lines of the text, then through the history

    private mutating func moveUp() {
        let start = lineStart
        if start > 0 {
            let column = cursor - start
            cursor = start - 1
            cursor = min(lineStart + column, start - 1)
        } else if place > 0 {
            if place == history.count { draft = text }
            place -= 1
            replace(with: Array(history[place]))
        }
    }

    private mutating func moveDown() {
        let (start, end) = (lineStart, lineEnd)
        if end < text.count {
            let column = cursor - start
            cursor = end + 1
            cursor = min(end + 1 + column, lineEnd)
        } else if place < history.count {
            place += 1
            replace(with: place == history.count ? draft : Array(history[place]))
        }
    }
}
