/// The place in a file that is most like a text that is not in it.
///
/// The most telling lines of the text are compared with every line of the file; each likeness is a vote for the window
/// in which the two lines would meet. That takes time linear in the file, however alike its lines are.
struct NearestText: Sendable {
    private let wanted: FileLines
    private let file: FileLines
    /// The first line of the window; `nil` where nothing is alike.
    private let start: Int?

    init(to text: [UInt8], in file: [UInt8]) {
        wanted = FileLines(text)
        self.file = FileLines(file)
        start = Self.window(of: wanted, in: self.file)
    }

    /// Why the text was not found, with the nearest text and what is different in it.
    var explanation: String {
        if isNumbered {
            return "old_text is not in the file: it has line numbers in front; leave them out."
        }
        guard let start else { return "old_text is not in the file, and nothing like it: view the file again." }
        let range = start..<min(start + wanted.count, file.count)
        let shown = range.prefix(30)
        return """
            old_text is not in the file. \(difference(in: range))
            The nearest text is:
            \(file.numbered(shown.startIndex..<shown.endIndex, limit: 6000).text)
            """
    }
}

extension NearestText {
    private static func window(of wanted: FileLines, in file: FileLines) -> Int? {
        let anchors = anchors(of: wanted, most: max(1, min(8, 2_000_000 / max(file.count, 1))))
        guard !anchors.isEmpty, file.count > 0 else { return nil }
        // Index 0 is the window that begins so far above the file that only its last line is in it.
        var votes = [Float](repeating: 0, count: file.count + wanted.count)
        for index in 0..<file.count {
            let shape = LineShape(file[index])
            guard !shape.isBlank else { continue }
            for anchor in anchors {
                let likeness = shape.likeness(to: anchor.shape)
                if likeness > 0.5 { votes[index - anchor.line + wanted.count] += likeness * anchor.weight }
            }
        }
        let enough = 0.3 * anchors.reduce(0) { $0 + $1.weight }
        guard let most = votes.max(), most >= enough, let best = votes.firstIndex(of: most) else { return nil }
        return max(0, best - wanted.count)
    }

    private struct Anchor {
        var line: Int
        var shape: LineShape
        var weight: Float
    }

    /// The longest lines, as they are the least likely to be alike by chance.
    private static func anchors(of wanted: FileLines, most: Int) -> [Anchor] {
        (0..<min(wanted.count, 5000))
            .map { (line: $0, shape: LineShape(wanted[$0])) }
            .filter { !$0.shape.isBlank }
            .sorted { ($1.shape.length, $0.line) < ($0.shape.length, $1.line) }
            .prefix(most)
            .map { Anchor(line: $0.line, shape: $0.shape, weight: Float(min($0.shape.length, 80))) }
    }

    /// Whether every line begins as ``FileLines/numbered(_:limit:)`` shows it.
    private var isNumbered: Bool {
        let lines = (0..<min(wanted.count, 100)).map { wanted[$0] }.filter { !LineShape.isBlank($0) }
        return !lines.isEmpty
            && lines.allSatisfy { line in
                let number = line.drop { $0 == UInt8(ascii: " ") }.prefix {
                    UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0
                }
                return !number.isEmpty && number.endIndex < line.endIndex && line[number.endIndex] == UInt8(ascii: "\t")
            }
    }

    private func difference(in range: Range<Int>) -> String {
        guard let line = range.first(where: { !file[$0].elementsEqual(wanted[$0 - range.lowerBound]) }) else {
            return range.count < wanted.count
                ? "The file ends before it." : "Its lines are there, but it begins or ends otherwise."
        }
        let (there, given) = (file[line], wanted[line - range.lowerBound])
        let isSpacing = range.allSatisfy {
            file[$0].filter { !isSpace($0) } == wanted[$0 - range.lowerBound].filter { !isSpace($0) }
        }
        guard isSpacing, range.count == wanted.count else {
            return """
                The first difference is in line \(line + 1):
                  file:     \(Self.shown(there))
                  old_text: \(Self.shown(given))
                """
        }
        let indents = (there.prefix(while: isSpace), given.prefix(while: isSpace))
        let place =
            indents.0.elementsEqual(indents.1)
            ? there.reversed().prefix(while: isSpace).elementsEqual(given.reversed().prefix(while: isSpace))
                ? "within the line" : "at the end of the line"
            : "the file is indented with \(Self.named(indents.0)), old_text with \(Self.named(indents.1))"
        return "Only white space is different, first in line \(line + 1): \(place)."
    }

    private static func shown(_ line: ArraySlice<UInt8>) -> String {
        String(decoding: line.prefix(200), as: UTF8.self) + (line.count > 200 ? "…" : "")
    }

    /// White space in words: `2 tabs and 4 spaces`.
    private static func named(_ space: ArraySlice<UInt8>) -> String {
        let tabs = space.count { $0 == UInt8(ascii: "\t") }
        let spaces = space.count - tabs
        let words = [(tabs, "tab"), (spaces, "space")].filter { $0.0 > 0 }.map {
            "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")"
        }
        return words.isEmpty ? "nothing" : words.joined(separator: " and ")
    }
}

/// What a line is made of, apart from white space: its pairs of neighbouring bytes, as a set of 256 bits.
private struct LineShape: Sendable {
    private var pairs = SIMD4<UInt64>()
    /// Bytes that are not white space.
    private(set) var length = 0

    var isBlank: Bool { length == 0 }

    init(_ line: ArraySlice<UInt8>) {
        var previous: UInt8 = 0
        for byte in line where !isSpace(byte) {
            let hash = ((UInt32(previous) << 8 | UInt32(byte)) &* 0x9E37_79B1) >> 24
            pairs[Int(hash >> 6)] |= 1 << UInt64(hash & 63)
            previous = byte
            length += 1
        }
    }

    /// Dice's coefficient of the two sets: 1 where they are the same, 0 where they share nothing.
    func likeness(to other: LineShape) -> Float {
        let shared = Self.count(pairs & other.pairs)
        return Float(2 * shared) / Float(max(1, Self.count(pairs) + Self.count(other.pairs)))
    }

    static func isBlank(_ line: ArraySlice<UInt8>) -> Bool { line.allSatisfy(isSpace) }

    private static func count(_ set: SIMD4<UInt64>) -> Int {
        set[0].nonzeroBitCount + set[1].nonzeroBitCount + set[2].nonzeroBitCount + set[3].nonzeroBitCount
    }
}

private func isSpace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r") || byte == 0x0B
        || byte == 0x0C
}
