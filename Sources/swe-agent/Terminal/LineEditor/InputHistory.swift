import Foundation

/// What was entered earlier, kept in a file: a JSON string a line, so that a text of several lines is one.
struct InputHistory: Sendable {
    private static let limit = 1000

    private(set) var entries: [String] = []
    private let file: String?

    /// - Parameter file: The file; `nil` remembers for as long as the program runs.
    init(file: String?) {
        self.file = file
        guard let file, let data = FileManager.default.contents(atPath: file) else { return }
        let lines = data.split(separator: UInt8(ascii: "\n"))
        entries = lines.suffix(Self.limit).compactMap { try? JSONDecoder().decode(String.self, from: $0) }
        guard lines.count > 2 * Self.limit else { return }
        let kept = entries.compactMap(Self.line).reduce(into: Data()) { $0 += $1 }
        try? kept.write(to: URL(filePath: file), options: .atomic)
    }

    /// Adds an entry at the end, unless it is blank, the last one again, or begins with a space.
    mutating func add(_ entry: String) {
        guard !entry.allSatisfy(\.isWhitespace), entry != entries.last, entry.first != " " else { return }
        entries.append(entry)
        // That nothing can be remembered is no reason to stop.
        guard let file, let line = Self.line(entry) else { return }
        let descriptor = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try? handle.write(contentsOf: line)
    }

    private static func line(_ entry: String) -> Data? {
        (try? JSONEncoder().encode(entry)).map { $0 + [UInt8(ascii: "\n")] }
    }
}
