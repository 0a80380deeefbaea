internal import Foundation

/// A value of a JSON text.
enum JSONNode: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int)
    case double(Double)
    case string(String)
    case array([JSONNode])
    case object([String: JSONNode])

    subscript(_ key: String) -> JSONNode? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    var string: String? { if case .string(let text) = self { text } else { nil } }
    var integer: Int? { if case .integer(let number) = self { number } else { nil } }
    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    var array: [JSONNode]? { if case .array(let elements) = self { elements } else { nil } }
    var object: [String: JSONNode]? { if case .object(let members) = self { members } else { nil } }
    var isNull: Bool { self == .null }
}

/// A JSON file of a model's directory.
enum JSONFile {
    /// No file of a model's directory but its weights is as large.
    static let maxBytes = 200 << 20

    /// - Throws: ``CheckpointError``.
    static func bytes(path: String) throws(CheckpointError) -> [UInt8] {
        let file = try MappedFile(path: path)
        guard file.bytes.count <= maxBytes else { throw CheckpointError("cannot read \(path): it is too large") }
        return [UInt8](file.bytes)
    }

    /// Reads a file with `body`, to its end.
    ///
    /// - Throws: ``CheckpointError``.
    static func scan<Result>(
        path: String, _ body: (inout JSONScanner) throws -> Result
    ) throws(CheckpointError) -> Result {
        var scanner = JSONScanner(try bytes(path: path))
        do {
            let result = try body(&scanner)
            try scanner.readEnd()
            return result
        } catch {
            throw CheckpointError("cannot read \(path): \(error)")
        }
    }

    /// - Throws: ``CheckpointError``.
    static func read(path: String) throws(CheckpointError) -> JSONNode {
        try scan(path: path) { scanner in try scanner.readValue() }
    }

    /// The file, or `nil` where there is none.
    ///
    /// - Throws: ``CheckpointError``.
    static func readIfThere(path: String) throws(CheckpointError) -> JSONNode? {
        FileManager.default.fileExists(atPath: path) ? try read(path: path) : nil
    }
}
