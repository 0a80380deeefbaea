/// How much a patch changes.
public struct DiffStatistics: Codable, Sendable, Hashable {
    /// The number of files.
    public var files: Int { perFile.count }
    /// Lines added in all files.
    public var insertions: Int { perFile.reduce(0) { $0 + $1.insertions } }
    /// Lines removed in all files.
    public var deletions: Int { perFile.reduce(0) { $0 + $1.deletions } }
    /// The files in the patch's order.
    public var perFile: [FileChange]

    /// What happens to one file.
    public struct FileChange: Codable, Sendable, Hashable {
        public enum Kind: String, Codable, Sendable {
            case added, deleted, modified, renamed, copied
        }

        /// The path after the change, or before it where the file is deleted.
        public var path: String
        /// The path before a rename or copy.
        public var oldPath: String?
        public var kind: Kind
        public var insertions: Int
        public var deletions: Int
        public var isBinary: Bool

        private enum CodingKeys: String, CodingKey {
            case path
            case oldPath = "old_path"
            case kind, insertions, deletions
            case isBinary = "is_binary"
        }
    }

    private enum CodingKeys: String, CodingKey {
        case files, insertions, deletions
        case perFile = "per_file"
    }

    /// Counts what a patch changes. Text that is no patch has no files; nothing is thrown.
    public init(of patch: Patch) {
        var reader = DiffReader()
        for line in patch.bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            reader.read(line)
        }
        perFile = reader.finish()
    }

    public init(from decoder: any Decoder) throws {
        perFile = try decoder.container(keyedBy: CodingKeys.self).decode([FileChange].self, forKey: .perFile)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(files, forKey: .files)
        try container.encode(insertions, forKey: .insertions)
        try container.encode(deletions, forKey: .deletions)
        try container.encode(perFile, forKey: .perFile)
    }
}

/// Reads a unified diff line by line, as `git diff` writes it; see git's documentation "Generating patch text with -p".
///
/// The lines of a hunk are counted off by its header, so that a removed line `-- x`, which looks like the header
/// `--- x`, is not taken for one.
private struct DiffReader {
    private var files: [DiffStatistics.FileChange] = []
    private var current: DiffStatistics.FileChange?
    private var oldLines = 0
    private var newLines = 0

    mutating func read(_ line: ArraySlice<UInt8>) {
        if oldLines > 0 || newLines > 0 {
            readHunk(line)
        } else if let paths = line.dropping("diff --git ") {
            begin(path: Self.pathOfGitHeader(paths))
        } else if let path = line.dropping("--- ") {
            // A plain diff has no `diff --git` line: its first header line begins the file.
            if current == nil || current?.hasContent == true { begin(path: "") }
            if let path = Self.path(path, prefix: "a/") { current?.path = path } else { current?.kind = .added }
        } else if let path = line.dropping("+++ ") {
            if let path = Self.path(path, prefix: "b/") { current?.path = path } else { current?.kind = .deleted }
        } else if line.starts(with: "@@ ".utf8) {
            readHunkHeader(line)
        } else if line.starts(with: "new file mode ".utf8) {
            current?.kind = .added
        } else if line.starts(with: "deleted file mode ".utf8) {
            current?.kind = .deleted
        } else if let path = line.dropping("rename from ") ?? line.dropping("copy from ") {
            current?.oldPath = Self.unquote(path)
        } else if let path = line.dropping("rename to ") {
            current?.kind = .renamed
            current?.path = Self.unquote(path)
        } else if let path = line.dropping("copy to ") {
            current?.kind = .copied
            current?.path = Self.unquote(path)
        } else if line.starts(with: "GIT binary patch".utf8) || line.starts(with: "Binary files ".utf8) {
            current?.isBinary = true
        }
    }

    mutating func finish() -> [DiffStatistics.FileChange] {
        if let current { files.append(current) }
        current = nil
        return files
    }

    private mutating func begin(path: String) {
        if let current { files.append(current) }
        current = .init(path: path, oldPath: nil, kind: .modified, insertions: 0, deletions: 0, isBinary: false)
    }

    private mutating func readHunk(_ line: ArraySlice<UInt8>) {
        switch line.first {
        case UInt8(ascii: "+"):
            newLines -= 1
            current?.insertions += 1
        case UInt8(ascii: "-"):
            oldLines -= 1
            current?.deletions += 1
        case UInt8(ascii: "\\"): break
        default:
            newLines -= 1
            oldLines -= 1
        }
    }

    /// `@@ -old[,count] +new[,count] @@`
    private mutating func readHunkHeader(_ line: ArraySlice<UInt8>) {
        let ranges = line.split(separator: UInt8(ascii: " ")).dropFirst().prefix(2)
        let counts = ranges.map { range in
            let numbers = range.dropFirst().split(separator: UInt8(ascii: ","))
            // What is negative or larger than any patch counts for nothing.
            return numbers.count < 2 ? 1 : Int(UInt32(String(decoding: numbers[1], as: UTF8.self)) ?? 0)
        }
        (oldLines, newLines) = counts.count == 2 ? (counts[0], counts[1]) : (0, 0)
    }

    /// The path of `--- a/x` and `+++ b/x`; `nil` for `/dev/null`, which means that the other line has it.
    private static func path(_ text: ArraySlice<UInt8>, prefix: String) -> String? {
        // Git ends a name that has a space with a tab.
        let path = unquote(text.last == UInt8(ascii: "\t") ? text.dropLast() : text)
        guard path != "/dev/null" else { return nil }
        return path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : path
    }

    /// The path of `diff --git a/x b/x`, which only counts where no other line names it: then both sides are the same.
    private static func pathOfGitHeader(_ paths: ArraySlice<UInt8>) -> String {
        if paths.first == UInt8(ascii: "\""), let end = paths.dropFirst().firstRange(of: "\" ".utf8) {
            return String(unquote(paths[...end.lowerBound]).dropFirst(2))
        }
        return String(decoding: paths.prefix((paths.count - 1) / 2).dropFirst(2), as: UTF8.self)
    }

    /// Undoes git's C-style quoting of unusual names: `"a\303\244\tb"`.
    private static func unquote(_ text: ArraySlice<UInt8>) -> String {
        guard text.count >= 2, text.first == UInt8(ascii: "\""), text.last == UInt8(ascii: "\"") else {
            return String(decoding: text, as: UTF8.self)
        }
        var result: [UInt8] = []
        var rest = text.dropFirst().dropLast()
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() else {
                result.append(byte)
                continue
            }
            switch escaped {
            case UInt8(ascii: "a"): result.append(7)
            case UInt8(ascii: "b"): result.append(8)
            case UInt8(ascii: "t"): result.append(9)
            case UInt8(ascii: "n"): result.append(10)
            case UInt8(ascii: "v"): result.append(11)
            case UInt8(ascii: "f"): result.append(12)
            case UInt8(ascii: "r"): result.append(13)
            case UInt8(ascii: "0")...UInt8(ascii: "3"):
                let digits = [escaped] + rest.prefix(2)
                rest = rest.dropFirst(2)
                result.append(UInt8(String(decoding: digits, as: UTF8.self), radix: 8) ?? UInt8(ascii: "?"))
            default: result.append(escaped)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

extension DiffStatistics.FileChange {
    fileprivate var hasContent: Bool { insertions > 0 || deletions > 0 || isBinary }
}

extension ArraySlice<UInt8> {
    fileprivate func dropping(_ prefix: String) -> Self? {
        starts(with: prefix.utf8) ? dropFirst(prefix.utf8.count) : nil
    }
}
