/// The lines of a file's bytes, without their ends.
struct FileLines: Sendable {
    private let bytes: [UInt8]
    /// Where each line starts; the last entry is where a further line would start.
    private let starts: [Int]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        var starts = [0]
        for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") { starts.append(index + 1) }
        // Text after the last line end is a line too; nothing after it is none.
        if starts.last != bytes.count { starts.append(bytes.count + 1) }
        self.starts = starts
    }

    var count: Int { starts.count - 1 }

    /// A line, from 0, without `\n` or `\r\n`.
    subscript(index: Int) -> ArraySlice<UInt8> {
        let line = bytes[starts[index]..<(starts[index + 1] - 1)]
        return line.last == UInt8(ascii: "\r") ? line.dropLast() : line
    }

    /// The line, from 0, that a position lies in.
    func line(at position: Int) -> Int {
        var low = 0
        var high = max(count - 1, 0)
        while low < high {
            let middle = (low + high + 1) / 2
            if starts[middle] <= position { low = middle } else { high = middle - 1 }
        }
        return low
    }

    /// Lines as a model gets to see them: each with its number from 1, cut where they are very long.
    ///
    /// - Parameter limit: The bytes after which no further line is begun.
    /// - Returns: The text, and the first line that is no longer in it.
    func numbered(_ range: Range<Int>, limit: Int) -> (text: String, end: Int) {
        var text = ""
        for index in range {
            let line = self[index]
            let shown = String(decoding: line.prefix(Self.longestLine), as: UTF8.self)
            let number = String(index + 1)
            let rest = line.count > Self.longestLine ? " [... \(line.count - Self.longestLine) bytes left out]" : ""
            let entry = String(repeating: " ", count: max(0, 6 - number.count)) + "\(number)\t\(shown)\(rest)\n"
            guard text.isEmpty || text.utf8.count + entry.utf8.count <= limit else { return (text, index) }
            text += entry
        }
        return (text, range.upperBound)
    }

    private static let longestLine = 1000

    /// Whether the bytes are no text: a zero byte near the beginning, as git decides.
    static func isBinary(_ bytes: [UInt8]) -> Bool { bytes.prefix(8000).contains(0) }
}
