/// Shows a ``LineEditor`` below a prompt, on as many rows of the terminal as it takes.
struct LineDisplay: Sendable {
    private let prompt: String
    private let style: @Sendable (String) -> String
    /// The columns of the rows drawn up to the one with the cursor, and in that only up to the cursor.
    private var drawn: [Int] = []

    /// - Parameter style: Gives the prompt its colours.
    init(prompt: String, style: @escaping @Sendable (String) -> String = { $0 }) {
        self.prompt = prompt
        self.style = style
    }

    /// What to write to the terminal, so that it shows the editor in place of what it showed.
    ///
    /// - Parameter size: The columns and rows of the terminal.
    mutating func draw(_ editor: LineEditor, on size: TerminalSize) -> String {
        let layout = Layout(prompt: prompt, editor, columns: size.columns)
        // Of a text longer than the screen, the part with the cursor is shown.
        let first = max(0, min(layout.cursor.row - size.rows + 1, layout.rows.count - 1))
        let rows = layout.rows[first...].prefix(size.rows)
        var output = erase(on: size)
        for (index, row) in rows.enumerated() {
            if index > 0 { output += "\r\n" }
            let hasPrompt = first == 0 && index == 0 && row.hasPrefix(prompt)
            output += hasPrompt ? style(prompt) + row.dropFirst(prompt.count) : row
        }
        let cursorRow = layout.cursor.row - first
        drawn = rows.prefix(cursorRow).map { $0.reduce(0) { $0 + $1.columns } } + [layout.cursor.column]
        let below = rows.count - 1 - cursorRow
        if below > 0 { output += "\u{1B}[\(below)A" }
        output += "\r"
        if layout.cursor.column > 0 { output += "\u{1B}[\(layout.cursor.column)C" }
        return output
    }

    /// What to write so that nothing of it is left and the cursor stands where it began.
    ///
    /// A terminal that has become narrower has broken what was drawn into more rows.
    mutating func erase(on size: TerminalSize) -> String {
        let above = drawn.dropLast().reduce(0) { $0 + max(1, ($1 + size.columns - 1) / size.columns) }
        let up = min(above + (drawn.last ?? 0) / size.columns, size.rows - 1)
        drawn = []
        return "\(up > 0 ? "\u{1B}[\(up)A" : "")\r\u{1B}[J"
    }

    /// The text in rows, broken where a row is full, and never within a character.
    struct Layout: Sendable {
        var rows = [""]
        var cursor = (row: 0, column: 0)

        init(prompt: String, _ editor: LineEditor, columns: Int) {
            var column = 0
            func put(_ shown: String, _ width: Int, _ rows: inout [String]) {
                if column + width > columns {
                    rows.append("")
                    column = 0
                }
                rows[rows.count - 1] += shown
                column += width
            }
            for character in prompt { put(String(character), character.columns, &rows) }
            for (index, character) in editor.text.enumerated() {
                if index == editor.cursor { mark(column, columns) }
                switch character {
                case "\n":
                    rows.append("")
                    column = 0
                case "\t": for _ in 0..<4 { put(" ", 1, &rows) }
                default:
                    // A lone mark that combines with nothing, or a control character, would move the cursor.
                    let isShown = character.columns > 0
                    put(isShown ? String(character) : "?", isShown ? character.columns : 1, &rows)
                }
            }
            if editor.cursor == editor.text.count {
                mark(column, columns)
                if cursor.row == rows.count { rows.append("") }
            }
        }

        /// The cursor stands here; behind a full row, at the beginning of the next.
        private mutating func mark(_ column: Int, _ columns: Int) {
            if column >= columns {
                cursor = (rows.count, 0)
                return
            }
            cursor = (rows.count - 1, column)
        }
    }
}

/// The columns and rows of a terminal.
struct TerminalSize: Sendable, Hashable {
    var columns: Int
    var rows: Int
}
