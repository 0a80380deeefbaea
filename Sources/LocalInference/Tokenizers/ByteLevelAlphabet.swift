/// The characters that stand for the 256 bytes in a byte-level vocabulary, as GPT-2 chose them: a byte that prints in
/// Latin-1 for itself, the others from U+0100 on (`bytes_to_unicode` in https://github.com/openai/gpt-2).
enum ByteLevelAlphabet {
    /// The character of each byte, in UTF-8.
    static let characters: [[UInt8]] = scalars.map { Array(UTF8.encode($0)!) }

    /// The byte that a character stands for.
    static func byte(_ scalar: Unicode.Scalar) -> UInt8? {
        scalar.value < bytes.count ? bytes[Int(scalar.value)] : nil
    }

    private static let scalars: [Unicode.Scalar] = {
        var free: UInt32 = 0x100
        return (0...255).map { (byte: UInt8) in
            switch byte {
            case 0x21...0x7e, 0xa1...0xac, 0xae...0xff: return Unicode.Scalar(byte)
            default:
                defer { free += 1 }
                return Unicode.Scalar(free)!
            }
        }
    }()

    private static let bytes: [UInt8?] = {
        var bytes = [UInt8?](repeating: nil, count: 0x200)
        for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar.value)] = UInt8(byte) }
        return bytes
    }()
}
