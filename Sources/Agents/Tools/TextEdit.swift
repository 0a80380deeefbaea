/// An exact replacement in the bytes of a file.
struct TextEdit: Sendable {
    var old: [UInt8]
    var new: [UInt8]
    var replaceAll = false

    enum Outcome: Sendable, Equatable {
        /// The file's new bytes, and the lines, from 0, where something was replaced.
        case edited([UInt8], lines: [Int])
        /// Why nothing was replaced, for the model.
        case refused(String)
    }

    /// The lines that the new text has.
    var newLineCount: Int { new.count { $0 == UInt8(ascii: "\n") } + 1 }

    /// Looks for the text and replaces it.
    ///
    /// A file whose lines end in CR LF is edited as if the model, which writes LF, had written CR LF.
    ///
    /// - Parameter limit: The most bytes that the result may have.
    func apply(to file: [UInt8], limit: Int) -> Outcome {
        guard !old.isEmpty else { return .refused("old_text is empty; write_file replaces a whole file.") }
        guard old != new else { return .refused("old_text and new_text are the same.") }

        let endings = LineEndings(of: file)
        var (old, new) = (old, new)
        var positions = Self.positions(of: old, in: file)
        if positions.isEmpty, endings.crlf > 0 || old.contains(UInt8(ascii: "\r")) {
            old = endings.crlf > 0 ? LineEndings.toCRLF(old) : LineEndings.toLF(old)
            positions = Self.positions(of: old, in: file)
        }
        if endings.crlf > endings.lf { new = LineEndings.toCRLF(new) }
        guard !positions.isEmpty else {
            return .refused(NearestText(to: self.old, in: file).explanation)
        }

        if replaceAll {
            positions = positions.reduce(into: []) { apart, position in
                if position >= (apart.last ?? -old.count) + old.count { apart.append(position) }
            }
        } else if positions.count > 1 {
            let lines = FileLines(file)
            return .refused(
                "old_text is found \(positions.count) times, at lines \(Self.list(positions.prefix(21).map(lines.line(at:)))). "
                    + "Add lines around it so that it is found once, or set replace_all.")
        }
        guard file.count + positions.count * (new.count - old.count) <= limit else {
            return .refused("the result would be larger than \(limit >> 20) MiB.")
        }
        var result: [UInt8] = []
        var copied = 0
        var edited: [Int] = []
        var line = 0
        for position in positions {
            line += file[copied..<position].count { $0 == UInt8(ascii: "\n") }
            edited.append(line)
            line += new.count { $0 == UInt8(ascii: "\n") }
            result += file[copied..<position]
            result += new
            copied = position + old.count
        }
        result += file[copied...]
        return .edited(result, lines: edited)
    }

    /// Where a text begins, from left to right, overlapping places included.
    ///
    /// Knuth, Morris and Pratt's search: linear in the lengths, whatever the texts are.
    private static func positions(of text: [UInt8], in file: [UInt8]) -> [Int] {
        // For each beginning of the text, the length of its longest proper beginning that is also its end.
        var borders = [0]
        var matched = 0
        for byte in text.dropFirst() {
            while matched > 0, text[matched] != byte { matched = borders[matched - 1] }
            if text[matched] == byte { matched += 1 }
            borders.append(matched)
        }
        var positions: [Int] = []
        matched = 0
        for (index, byte) in file.enumerated() {
            while matched > 0, text[matched] != byte { matched = borders[matched - 1] }
            if text[matched] == byte { matched += 1 }
            if matched == text.count {
                positions.append(index + 1 - matched)
                matched = borders[matched - 1]
            }
        }
        return positions
    }

    /// Line numbers from 1, the first twenty of them.
    private static func list(_ lines: [Int]) -> String {
        lines.prefix(20).map { String($0 + 1) }.joined(separator: ", ") + (lines.count > 20 ? " and more" : "")
    }
}

/// How the lines of a file end.
struct LineEndings: Sendable {
    private(set) var crlf = 0
    private(set) var lf = 0

    init(of bytes: [UInt8]) {
        var previous: UInt8 = 0
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if previous == UInt8(ascii: "\r") { crlf += 1 } else { lf += 1 }
            }
            previous = byte
        }
    }

    static func toLF(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n"), result.last == UInt8(ascii: "\r") { result.removeLast() }
            result.append(byte)
        }
        return result
    }

    static func toCRLF(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n"), result.last != UInt8(ascii: "\r") { result.append(UInt8(ascii: "\r")) }
            result.append(byte)
        }
        return result
    }
}
