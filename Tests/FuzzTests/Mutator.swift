import TestSupport

/// Changes inputs at random, as libFuzzer does without its feedback; the same seed gives the same inputs.
struct Mutator {
    private static let limit = 64 * 1024
    /// What has broken readers before.
    private static let words = [
        "-1", "0", "9223372036854775807", "-9223372036854775808", "18446744073709551616", "1e999", "NaN", "null",
        "\"\"", "{}",
        "[]", "..", "/", "\\", "%00", "%2e%2e", "::", "@", "[", "]", "\r\n", "\n", "\0", "\u{feff}", "\u{202e}", "é",
        "🙂",
        "@@ -1,9223372036854775807 +1,-9223372036854775808 @@\n", "diff --git ", "--- ", "+++ ", "ext::", "-",
        "\"\\377\"",
    ].map { Array($0.utf8) }

    private var random: SeededGenerator

    init(seed: UInt64, name: String) { random = SeededGenerator(seed: seed, name: name) }

    /// An input made from one of the seeds.
    mutating func input(from seeds: [[UInt8]]) -> [UInt8] {
        var bytes = seeds.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 1...4, using: &random) { mutate(&bytes, seeds) }
        return Array(bytes.prefix(Self.limit))
    }

    private mutating func mutate(_ bytes: inout [UInt8], _ seeds: [[UInt8]]) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        let length = min(bytes.count - place, 1 << Int.random(in: 0...7, using: &random))
        let part = place..<(place + length)
        switch Int.random(in: 0..<9, using: &random) {
        case 0 where length > 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1 where length > 0: bytes[place] = UInt8.random(in: .min ... .max, using: &random)
        case 2: bytes.removeSubrange(part)
        case 3: bytes.insert(contentsOf: bytes[part], at: place)
        case 4: bytes.insert(contentsOf: Self.words.randomElement(using: &random) ?? [], at: place)
        case 5: bytes.replaceSubrange(part, with: Self.words.randomElement(using: &random) ?? [])
        case 6:
            let other = seeds.randomElement(using: &random) ?? []
            bytes.replaceSubrange(place..., with: other.suffix(Int.random(in: 0...other.count, using: &random)))
        case 7: bytes.removeSubrange(place...)
        default:
            // A number of some width and either order, as lengths and offsets are.
            let number = [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, .max].randomElement(using: &random) ?? 0
            let width = [1, 2, 4, 8].randomElement(using: &random) ?? 1
            var parts = (0..<width).map { UInt8(truncatingIfNeeded: UInt64(number) >> UInt64(8 * $0)) }
            if Bool.random(using: &random) { parts.reverse() }
            bytes.replaceSubrange(place..<min(place + width, bytes.count), with: parts)
        }
    }
}
