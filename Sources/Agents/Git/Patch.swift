import Foundation

/// A change as `git diff --binary` writes it.
///
/// It is bytes, not text: a diff holds lines of the files as they are, and a Latin-1 file makes it invalid UTF-8.
public struct Patch: Sendable, Hashable {
    public var bytes: [UInt8]

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    public init(_ text: String) {
        self.bytes = Array(text.utf8)
    }

    /// The patch for people and models to read, with invalid UTF-8 repaired. Apply ``bytes``, not this.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Whether nothing is changed.
    public var isEmpty: Bool { bytes.allSatisfy { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: " ") } }

    /// How many files and lines are changed.
    public var statistics: DiffStatistics { DiffStatistics(of: self) }
}

/// Coded as a string, or where it is not UTF-8 as `{"base64": …}`.
extension Patch: Codable {
    private struct Encoded: Codable {
        var base64: Data
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self.init(text)
        } else {
            self.init(Array(try container.decode(Encoded.self).base64))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let text = String(validating: bytes, as: UTF8.self) {
            try container.encode(text)
        } else {
            try container.encode(Encoded(base64: Data(bytes)))
        }
    }
}
