/// Reads how many tests passed from what test programs print.
///
/// Each program is known by a line that no other writes; the first program that is recognised counts.
struct TestOutputReader: Sendable {
    /// `nil` where no program is recognised, or single tests would have to be counted and a part is cut out.
    let counts: TestCounts?

    /// - Parameter isCut: Whether a part of the output is missing.
    init(_ output: String, isCut: Bool = false) {
        let lines = Self.plainLines(output)
        let readers = [
            Self.pytest, Self.unittest, Self.cargo, Self.swift, Self.go, Self.jestOrVitest, Self.mocha, Self.node,
            Self.maven, Self.gradle, Self.plain,
        ]
        for read in readers {
            if case .recognised(let counts) = read(lines, isCut) {
                self.counts = counts
                return
            }
        }
        counts = nil
    }

    enum Reading {
        case unrecognised
        case recognised(TestCounts?)
    }

    /// Lines without colours and without white space around them.
    private static func plainLines(_ output: String) -> [Substring] {
        var bytes: [UInt8] = []
        var rest = Substring(output).utf8
        while let byte = rest.popFirst() {
            if byte == 0x1B, rest.first == UInt8(ascii: "[") {
                // A control sequence ends with a byte from `@` to `~`; see ECMA-48, section 5.4.
                rest = rest.dropFirst().drop { !(0x40...0x7E ~= $0) }.dropFirst()
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).map { line in
            line.drop(while: \.isWhitespace).trimmingEnd(while: \.isWhitespace)
        }
    }
}

/// A line taken apart into words and numbers, to find a number by the word beside it.
struct CountLine {
    private let words: [String]

    init(_ line: some StringProtocol) {
        words = line.split { !($0.isLetter || $0.isNumber) }.map { $0.lowercased() }
    }

    /// The number before one of the words: `3 failed`.
    func count(before names: String...) -> Int? {
        for (number, word) in zip(words, words.dropFirst()) where names.contains(word) {
            if let number = Self.number(number) { return number }
        }
        return nil
    }

    /// A number that can be added to others without overflow, whatever the output claims.
    static func number(_ text: some StringProtocol) -> Int? { Int32(text).map { max(0, Int($0)) } }

    /// The number after one of the words: `failed: 3`, `failures=3`.
    func count(after names: String...) -> Int? {
        for (word, number) in zip(words, words.dropFirst()) where names.contains(word) {
            if let number = Self.number(number) { return number }
        }
        return nil
    }
}

extension Substring {
    func trimmingEnd(while predicate: (Character) -> Bool) -> Substring {
        var rest = self
        while let last = rest.last, predicate(last) { rest.removeLast() }
        return rest
    }
}
