extension String {
    /// The text as one word of a POSIX shell. NUL, which no word can hold, is left out.
    public var shellQuoted: String {
        // Byte by byte: a quote with a combining accent is another character to Swift, and still a quote to the shell.
        var quoted = [UInt8(ascii: "'")]
        quoted.reserveCapacity(utf8.count + 2)
        for byte in utf8 where byte != 0 {
            if byte == UInt8(ascii: "'") { quoted += #"'\''"#.utf8 } else { quoted.append(byte) }
        }
        quoted.append(UInt8(ascii: "'"))
        return String(decoding: quoted, as: UTF8.self)
    }
}
