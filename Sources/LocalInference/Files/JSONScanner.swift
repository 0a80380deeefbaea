/// Why a JSON text could not be read, and where.
struct JSONError: Error, CustomStringConvertible {
    var description: String
}

/// Reads a JSON text (RFC 8259) value by value, so that a vocabulary of a hundred thousand members needs no tree.
///
/// Strict about what the files of a model must not have: nesting beyond ``maxDepth``, members of one name, anything after
/// the value.
struct JSONScanner {
    static let maxDepth = 100

    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        // A byte order mark, which some editors write.
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { position = 3 }
    }

    /// What begins at the next value: `{`, `[`, `"`, a letter, a digit or `-`.
    mutating func peek() throws(JSONError) -> UInt8 {
        skipWhitespace()
        guard position < bytes.count else { throw failure("the text ends early") }
        return bytes[position]
    }

    /// Reads an object; `body` must read the value of each member.
    mutating func readObject(
        _ body: (_ scanner: inout JSONScanner, _ key: [UInt8]) throws -> Void
    ) throws {
        try open(UInt8(ascii: "{"))
        var key: [UInt8] = []
        if try !close(UInt8(ascii: "}"), first: true) {
            repeat {
                try readString(into: &key)
                guard try peek() == UInt8(ascii: ":") else { throw failure("a colon is missing") }
                position += 1
                try body(&self, key)
            } while try !close(UInt8(ascii: "}"), first: false)
        }
    }

    /// Reads an array; `body` must read each element.
    mutating func readArray(_ body: (_ scanner: inout JSONScanner) throws -> Void) throws {
        try open(UInt8(ascii: "["))
        if try !close(UInt8(ascii: "]"), first: true) {
            repeat { try body(&self) } while try !close(UInt8(ascii: "]"), first: false)
        }
    }

    /// Reads a string into a buffer, which is emptied first: the UTF-8 of what it stands for.
    mutating func readString(into buffer: inout [UInt8]) throws(JSONError) {
        buffer.removeAll(keepingCapacity: true)
        guard try peek() == UInt8(ascii: "\"") else { throw failure("a string is missing") }
        position += 1
        while true {
            let start = position
            while position < bytes.count, bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\\"),
                bytes[position] >= 0x20
            {
                position += 1
            }
            buffer.append(contentsOf: bytes[start..<position])
            guard position < bytes.count else { throw failure("a string does not end") }
            position += 1
            switch bytes[position - 1] {
            case UInt8(ascii: "\""): return
            case UInt8(ascii: "\\"): try readEscape(into: &buffer)
            default: throw failure("a string has a control character")
            }
        }
    }

    mutating func readString() throws(JSONError) -> String {
        var buffer: [UInt8] = []
        try readString(into: &buffer)
        return String(decoding: buffer, as: UTF8.self)
    }

    mutating func readInteger() throws(JSONError) -> Int {
        guard case .integer(let number) = try readNumber() else { throw failure("a whole number is missing") }
        return number
    }

    /// Reads over a value.
    mutating func skipValue() throws {
        switch try peek() {
        case UInt8(ascii: "{"): try readObject { scanner, _ throws in try scanner.skipValue() }
        case UInt8(ascii: "["): try readArray { scanner throws in try scanner.skipValue() }
        default: _ = try readValue()
        }
    }

    /// Reads a value and all that is in it.
    mutating func readValue() throws -> JSONNode {
        switch try peek() {
        case UInt8(ascii: "{"):
            var members: [String: JSONNode] = [:]
            try readObject { scanner, key throws in
                let key = String(decoding: key, as: UTF8.self)
                let value = try scanner.readValue()
                guard members.updateValue(value, forKey: key) == nil else {
                    throw scanner.failure("the member “\(key.prefix(80))” is there twice")
                }
            }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSONNode] = []
            try readArray { scanner throws in elements.append(try scanner.readValue()) }
            return .array(elements)
        case UInt8(ascii: "\""): return .string(try readString())
        case UInt8(ascii: "t"): return try readWord("true", .bool(true))
        case UInt8(ascii: "f"): return try readWord("false", .bool(false))
        case UInt8(ascii: "n"): return try readWord("null", .null)
        default: return try readNumber()
        }
    }

    /// Makes sure that nothing follows.
    mutating func readEnd() throws(JSONError) {
        skipWhitespace()
        guard position == bytes.count else { throw failure("something follows the value") }
    }

    func failure(_ what: String) -> JSONError {
        JSONError(description: "it is no valid JSON: \(what) (at byte \(position))")
    }
}

extension JSONScanner {
    private mutating func skipWhitespace() {
        while position < bytes.count, bytes[position] == 0x20 || (0x09...0x0d).contains(bytes[position]) {
            position += 1
        }
    }

    private mutating func open(_ bracket: UInt8) throws(JSONError) {
        guard try peek() == bracket else {
            throw failure(bracket == UInt8(ascii: "{") ? "an object is missing" : "an array is missing")
        }
        position += 1
        depth += 1
        guard depth <= Self.maxDepth else { throw failure("it is nested too deeply") }
    }

    /// Reads the closing bracket, or the comma before the next element.
    private mutating func close(_ bracket: UInt8, first: Bool) throws(JSONError) -> Bool {
        let next = try peek()
        if next == bracket {
            position += 1
            depth -= 1
            return true
        }
        if !first {
            guard next == UInt8(ascii: ",") else { throw failure("a comma is missing") }
            position += 1
        }
        return false
    }

    private mutating func readWord(_ word: StaticString, _ value: JSONNode) throws(JSONError) -> JSONNode {
        let isThere = word.withUTF8Buffer { bytes[position...].starts(with: $0) }
        guard isThere else { throw failure("a value is missing") }
        position += word.utf8CodeUnitCount
        return value
    }

    private mutating func readNumber() throws(JSONError) -> JSONNode {
        _ = try peek()
        let start = position
        while position < bytes.count, Self.isOfNumber(bytes[position]) { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        // Both take a plus sign, which JSON has not.
        guard text.first != "+" else { throw failure("a value is missing") }
        if let number = Int(text) { return .integer(number) }
        guard text.utf8.count < 400, let number = Double(text) else { throw failure("a value is missing") }
        return .double(number)
    }

    private static func isOfNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    private mutating func readEscape(into buffer: inout [UInt8]) throws(JSONError) {
        guard position < bytes.count else { throw failure("a string does not end") }
        position += 1
        switch bytes[position - 1] {
        case UInt8(ascii: "n"): buffer.append(0x0a)
        case UInt8(ascii: "t"): buffer.append(0x09)
        case UInt8(ascii: "r"): buffer.append(0x0d)
        case UInt8(ascii: "b"): buffer.append(0x08)
        case UInt8(ascii: "f"): buffer.append(0x0c)
        case UInt8(ascii: "u"): try readUnicodeEscape(into: &buffer)
        case let other where [UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/")].contains(other):
            buffer.append(other)
        default: throw failure("a string has an unknown escape")
        }
    }

    private mutating func readUnicodeEscape(into buffer: inout [UInt8]) throws(JSONError) {
        var code = UInt32(try readHexadecimal())
        if (0xd800..<0xdc00).contains(code) {
            guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u")
            else { throw failure("a string has half a character") }
            position += 2
            let low = UInt32(try readHexadecimal())
            guard (0xdc00..<0xe000).contains(low) else { throw failure("a string has half a character") }
            code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw failure("a string has half a character") }
        buffer.append(contentsOf: UTF8.encode(scalar)!)
    }

    private mutating func readHexadecimal() throws(JSONError) -> UInt16 {
        guard position + 4 <= bytes.count else { throw failure("a string does not end") }
        var code: UInt16 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("a string has an unknown escape")
            }
            code = code << 4 | UInt16(digit)
        }
        position += 4
        return code
    }
}
