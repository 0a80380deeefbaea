internal import Foundation

/// Splits a stream of arbitrary bytes at marks that nobody but the shell can have written.
///
/// A mark is the record separator, a random word, a text and a zero byte. The shell writes it at once, so that what
/// other processes write to the same pipe stands before or after it.
struct MarkedStream: Sendable {
    enum Piece: Sendable, Equatable {
        case bytes(ArraySlice<UInt8>)
        /// The text of a mark.
        case mark(String)
    }

    private let mark: [UInt8]
    /// Bytes that are, or may become, a mark.
    private var held: [UInt8] = []

    init(word: String) {
        mark = [ShellScript.recordSeparator] + Array(word.utf8)
    }

    mutating func split(_ chunk: [UInt8]) -> [Piece] {
        var rest = (held.isEmpty ? chunk : held + chunk)[...]
        var pieces: [Piece] = []
        held = []
        while let start = firstMark(in: rest) {
            if start > rest.startIndex { pieces.append(.bytes(rest[..<start])) }
            let text = rest[(start + mark.count)...]
            guard let end = text.firstIndex(of: 0) else {
                held = Array(rest[start...])
                return pieces
            }
            pieces.append(.mark(String(decoding: text[..<end], as: UTF8.self)))
            rest = rest[(end + 1)...]
        }
        let end = rest.endIndex - lengthOfBeginning(in: rest)
        if end > rest.startIndex { pieces.append(.bytes(rest[..<end])) }
        held = Array(rest[end...])
        return pieces
    }

    private func firstMark(in bytes: ArraySlice<UInt8>) -> Int? {
        var start = bytes.startIndex
        while let candidate = bytes[start...].firstSeparator {
            if bytes[candidate...].starts(with: mark) { return candidate }
            start = candidate + 1
        }
        return nil
    }

    /// The length of the end of `bytes` that may be the beginning of a mark.
    private func lengthOfBeginning(in bytes: ArraySlice<UInt8>) -> Int {
        let end = bytes.suffix(mark.count - 1)
        guard let start = end.lastIndex(of: ShellScript.recordSeparator), mark.starts(with: end[start...]) else {
            return 0
        }
        return end.endIndex - start
    }
}

extension ArraySlice<UInt8> {
    /// The index of the first record separator, found by `memchr` because output can be very long.
    fileprivate var firstSeparator: Int? {
        withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress,
                let found = memchr(base, Int32(ShellScript.recordSeparator), bytes.count)
            else { return nil }
            return startIndex + (UnsafeRawPointer(found) - base)
        }
    }
}
