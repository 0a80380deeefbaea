import Foundation

/// What a terminal shows: as much of ECMA-48 and xterm as the program may use. Anything else is a failure of the test.
struct Screen {
    let columns: Int
    let height: Int
    private var rows: [[String]]
    private(set) var cursor = (row: 0, column: 0)
    /// A full row: the next character goes to the next one.
    private var wrapsNext = false
    private var wraps = true
    private var pending: [UInt8] = []
    /// The rows that scrolled away.
    private var scrolled: [String] = []
    /// Sequences that no terminal of ours knows.
    private(set) var unknown: [String] = []
    private(set) var bracketsPastes = false

    init(columns: Int, rows: Int) {
        self.columns = columns
        height = rows
        self.rows = Array(repeating: Array(repeating: " ", count: columns), count: rows)
        // For the C library's own idea of how wide a character is.
        setlocale(LC_CTYPE, "C.UTF-8")
    }

    /// All lines, those that scrolled away too, without blanks at their ends.
    var lines: [String] {
        var lines = scrolled + rows.map(Self.line)
        while lines.last == "" { lines.removeLast() }
        return lines
    }

    /// The lines that are on it.
    var visible: [String] {
        var lines = rows.map(Self.line)
        while lines.last == "" { lines.removeLast() }
        return lines
    }

    var text: String { lines.joined(separator: "\n") }

    private static func line(_ row: [String]) -> String {
        var line = row.joined()
        while line.last == " " { line.removeLast() }
        return line
    }

    mutating func show(_ bytes: [UInt8]) {
        pending += bytes
        while let first = pending.first {
            switch first {
            case 0x1B:
                guard pending.count > 1 else { return }
                guard pending[1] == UInt8(ascii: "[") else {
                    unknown.append("ESC \(pending[1])")
                    pending.removeFirst(2)
                    continue
                }
                guard let end = pending.dropFirst(2).firstIndex(where: { (0x40...0x7E).contains($0) }) else { return }
                let parameters = String(decoding: pending[2..<end], as: UTF8.self)
                let final = pending[end]
                pending.removeFirst(end + 1)
                control(parameters, Character(Unicode.Scalar(final)))
            case 0x0D:
                pending.removeFirst()
                (cursor.column, wrapsNext) = (0, false)
            case 0x0A:
                pending.removeFirst()
                lineFeed()
            case 0x00..<0x20, 0x7F:
                unknown.append("\(first)")
                pending.removeFirst()
            default:
                let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
                guard pending.count >= length else { return }
                let text = String(decoding: pending[..<length], as: UTF8.self)
                pending.removeFirst(length)
                for scalar in text.unicodeScalars { put(scalar) }
            }
        }
    }

    /// The C library's wcwidth(3), which its headers show to programs for X/Open only.
    private static func width(_ character: Int32) -> Int {
        typealias Function = @convention(c) (Int32) -> CInt
        guard let symbol = dlsym(nil, "wcwidth") else { return 1 }
        return Int(unsafeBitCast(symbol, to: Function.self)(character))
    }

    private mutating func put(_ scalar: Unicode.Scalar) {
        let width = Self.width(Int32(bitPattern: scalar.value))
        if width <= 0 {
            // It combines with the character before the cursor.
            var column = wrapsNext ? columns - 1 : cursor.column - 1
            while column > 0, rows[cursor.row][column] == "" { column -= 1 }
            if column >= 0 { rows[cursor.row][column].unicodeScalars.append(scalar) }
            return
        }
        if wraps, wrapsNext || cursor.column + width > columns {
            cursor.column = 0
            lineFeed()
        }
        wrapsNext = false
        guard cursor.column + width <= columns else { return }
        rows[cursor.row][cursor.column] = String(Character(scalar))
        if width == 2 { rows[cursor.row][cursor.column + 1] = "" }
        cursor.column += width
        if cursor.column == columns { (cursor.column, wrapsNext) = (columns - 1, true) }
    }

    private mutating func lineFeed() {
        wrapsNext = false
        if cursor.row + 1 < height {
            cursor.row += 1
        } else {
            scrolled.append(Self.line(rows.removeFirst()))
            rows.append(Array(repeating: " ", count: columns))
        }
    }

    private mutating func control(_ parameters: String, _ final: Character) {
        let number = Int(parameters) ?? 1
        wrapsNext = wrapsNext && final == "m"
        switch (final, parameters) {
        case ("m", _): break
        case ("A", _): cursor.row = max(0, cursor.row - number)
        case ("C", _): cursor.column = min(columns - 1, cursor.column + number)
        case ("H", ""): cursor = (0, 0)
        case ("J", ""), ("J", "0"):
            clear(cursor.row, from: cursor.column)
            for row in (cursor.row + 1)..<max(height, cursor.row + 1) { clear(row, from: 0) }
        case ("J", "2"): for row in 0..<height { clear(row, from: 0) }
        case ("K", "2"): clear(cursor.row, from: 0)
        case ("h", "?2004"): bracketsPastes = true
        case ("l", "?2004"): bracketsPastes = false
        case ("h", "?7"): wraps = true
        case ("l", "?7"): wraps = false
        default: unknown.append("CSI \(parameters)\(final)")
        }
    }

    private mutating func clear(_ row: Int, from column: Int) {
        for place in column..<columns { rows[row][place] = " " }
    }
}
