/// How tokens become text again, as the `decoder` of a tokenizer file says.
enum TokenDecoder: Sendable {
    /// Characters of ``ByteLevelAlphabet`` to bytes.
    case byteLevel
    case replace(String, with: String)
    /// Tokens such as `<0x0A>` to bytes.
    case byteFallback
    /// All tokens to one.
    case fuse
    /// Up to so many of a character off the beginning and the end of each token.
    case strip(Unicode.Scalar, start: Int, stop: Int)
    case metaspace(Unicode.Scalar, dropsFirst: Bool)
    case sequence([TokenDecoder])

    /// - Throws: ``Flaw`` for a kind that is unknown.
    init?(_ node: JSONNode?) throws(Flaw) {
        guard let node, !node.isNull else { return nil }
        func scalar(_ name: String) throws(Flaw) -> Unicode.Scalar {
            guard let text = node[name]?.string, let scalar = text.unicodeScalars.first,
                text.unicodeScalars.count == 1
            else { throw Flaw("its decoder has a \(name) that is no character") }
            return scalar
        }
        switch node["type"]?.string {
        case "ByteLevel": self = .byteLevel
        case "Replace":
            let (pattern, content) = try Normalizer.replacement(node, of: "decoder")
            self = .replace(pattern, with: content)
        case "ByteFallback": self = .byteFallback
        case "Fuse": self = .fuse
        case "Strip":
            self = .strip(
                try scalar("content"), start: node["start"]?.integer ?? 0, stop: node["stop"]?.integer ?? 0)
        case "Metaspace":
            let scheme = node["prepend_scheme"]?.string
            let drops = scheme.map { $0 != "never" } ?? node["add_prefix_space"]?.bool ?? true
            self = .metaspace(try scalar("replacement"), dropsFirst: drops)
        case "Sequence":
            var parts: [TokenDecoder] = []
            for part in node["decoders"]?.array ?? [] {
                if let part = try TokenDecoder(part) { parts.append(part) }
            }
            self = .sequence(parts)
        case let type: throw Flaw("its decoder \((type ?? "without a type").quoted) is unknown")
        }
    }

    func decode(_ tokens: [String]) -> [String] {
        switch self {
        case .byteLevel: [String(decoding: tokens.flatMap(Self.bytes), as: UTF8.self)]
        case .replace(let pattern, let content):
            tokens.map { Normalizer.replace(pattern, with: content, in: $0) }
        case .byteFallback: Self.joinBytes(tokens)
        case .fuse: [tokens.joined()]
        case .strip(let scalar, let start, let stop): tokens.map { Self.strip($0, scalar, start, stop) }
        case .metaspace(let mark, let dropsFirst):
            tokens.enumerated().map { index, token in
                var text = String.UnicodeScalarView()
                for scalar in token.unicodeScalars {
                    if scalar != mark { text.append(scalar) } else if index > 0 || !dropsFirst { text.append(" ") }
                }
                return String(text)
            }
        case .sequence(let parts): parts.reduce(tokens) { $1.decode($0) }
        }
    }

    /// The bytes of a byte-level token, or of its text where it is none.
    static func bytes(_ token: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for scalar in token.unicodeScalars {
            guard let byte = ByteLevelAlphabet.byte(scalar) else { return Array(token.utf8) }
            bytes.append(byte)
        }
        return bytes
    }

    /// Bytes beside each other are one text if they spell one, and else a replacement character each.
    private static func joinBytes(_ tokens: [String]) -> [String] {
        var texts: [String] = []
        var bytes: [UInt8] = []
        func flush() {
            guard !bytes.isEmpty else { return }
            texts.append(
                String(validating: bytes, as: UTF8.self) ?? String(repeating: "\u{FFFD}", count: bytes.count))
            bytes = []
        }
        for token in tokens {
            if let byte = ByteToken.byte(token) {
                bytes.append(byte)
            } else {
                flush()
                texts.append(token)
            }
        }
        flush()
        return texts
    }

    private static func strip(_ token: String, _ scalar: Unicode.Scalar, _ start: Int, _ stop: Int) -> String {
        var scalars = Substring(token).unicodeScalars
        for _ in 0..<max(0, start) {
            guard scalars.first == scalar else { break }
            scalars.removeFirst()
        }
        for _ in 0..<max(0, stop) {
            guard scalars.last == scalar else { break }
            scalars.removeLast()
        }
        return String(scalars)
    }
}
