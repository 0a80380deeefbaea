import Foundation

/// One of the standard streams, and what it can show.
struct Terminal: Sendable {
    /// Whether it is a terminal that a line can be redrawn on.
    let isInteractive: Bool
    /// Whether colours may be used: never with `NO_COLOR` (https://no-color.org).
    let hasColors: Bool
    private let handle: FileHandle

    static let output = Terminal(.standardOutput)
    static let error = Terminal(.standardError)

    init(_ handle: FileHandle, environment: [String: String] = ProcessInfo.processInfo.environment) {
        self.handle = handle
        isInteractive = isatty(handle.fileDescriptor) == 1 && environment["TERM"] != "dumb"
        hasColors = isInteractive && environment["NO_COLOR", default: ""].isEmpty
    }

    func print(_ line: String = "", _ style: Style = .plain) {
        write(styled(line, style) + "\n")
    }

    /// Writes as it is. A reader that has gone away (`| head`) is no reason to fail.
    func write(_ text: String) {
        write(Data(text.utf8))
    }

    func write(_ bytes: Data) {
        try? handle.write(contentsOf: bytes)
    }

    func styled(_ text: String, _ style: Style) -> String {
        guard hasColors, style != .plain, !text.isEmpty else { return text }
        return "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m"
    }

    /// How a text looks; the raw value is the parameter of SGR (ECMA-48, 8.3.117).
    enum Style: Int, Sendable {
        case plain = 0
        case bold = 1
        case dim = 2
        case red = 31
        case green = 32
        case yellow = 33
        case cyan = 36
    }
}

extension String {
    /// The text as one line that a terminal shows and does not obey: models and commands write what they like.
    func printable(limit: Int = 200) -> String {
        var line = ""
        for scalar in unicodeScalars.prefix(limit) {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: line += " "
            case .format, .surrogate, .privateUse, .unassigned: continue
            default: line.unicodeScalars.append(scalar)
            }
        }
        return unicodeScalars.count > limit ? line + "…" : line
    }

    /// The text with its line breaks and tabs, and no other control characters.
    var printableLines: String {
        split(separator: "\n", omittingEmptySubsequences: false)
            .map { line in
                line.split(separator: "\t", omittingEmptySubsequences: false)
                    .map { String($0).printable(limit: .max) }.joined(separator: "\t")
            }
            .joined(separator: "\n")
    }
}
