/// The regular expressions that tokenizers split text with, and no others.
///
/// They are alternatives of character classes that repeat, with a lookahead here and there. Their own small matcher runs
/// over UTF-8, needs time in proportion to the text whatever is in it, and refuses what it does not know, where a general
/// engine would match by `Character` or backtrack without end. Semantics are those of Oniguruma, which the reference uses:
/// the first alternative that matches, loops as long as possible.
struct SplitPattern: Sendable {
    /// Steps refer to the ones after them by number. There is no way back, so the depth of matching is bounded.
    enum Step: Sendable {
        case match
        case one(ScalarSet, next: Int)
        case loop(ScalarSet, atLeast: Int, atMost: Int, possessive: Bool, next: Int)
        case either([Int])
        case lookahead(Int, negative: Bool, next: Int)
        case lineStart(next: Int)
        case lineEnd(next: Int)
    }

    let steps: [Step]
    let start: Int

    /// - Throws: ``Flaw`` for what is no such expression.
    init(_ pattern: String) throws(Flaw) {
        var parser = SplitPatternParser(pattern)
        start = try parser.parse()
        steps = parser.steps
    }

    /// The matches in a text, from left to right; empty ones are left out.
    func matches(in text: ArraySlice<UInt8>) -> [Range<Int>] {
        text.withUnsafeBufferPointer { bytes in
            var matcher = Matcher(steps: steps, text: bytes)
            var matches: [Range<Int>] = []
            var position = 0
            while position < bytes.count {
                if let end = matcher.run(start, at: position), end > position {
                    matches.append(position + text.startIndex..<end + text.startIndex)
                    position = end
                } else {
                    position += UTF8Character.length(leading: bytes[position])
                }
            }
            return matches
        }
    }
}

private struct Matcher {
    let steps: [SplitPattern.Step]
    let text: UnsafeBufferPointer<UInt8>
    /// For each loop, where nothing after it has matched. A search that begins later in the same run of characters need
    /// not go there again; this is what keeps the time linear.
    var hopeless: [Range<Int>]

    init(steps: [SplitPattern.Step], text: UnsafeBufferPointer<UInt8>) {
        self.steps = steps
        self.text = text
        hopeless = Array(repeating: 0..<0, count: steps.count)
    }

    /// Where a match from a step on ends.
    mutating func run(_ step: Int, at position: Int) -> Int? {
        switch steps[step] {
        case .match: return position
        case .one(let set, let next):
            guard let (scalar, end) = scalar(at: position), set.contains(scalar) else { return nil }
            return run(next, at: end)
        case .loop(let set, let atLeast, let atMost, let possessive, let next):
            return loop(step, set, atLeast, atMost, possessive, next, at: position)
        case .either(let alternatives):
            for alternative in alternatives {
                if let end = run(alternative, at: position) { return end }
            }
            return nil
        case .lookahead(let inner, let negative, let next):
            return (run(inner, at: position) == nil) == negative ? run(next, at: position) : nil
        case .lineStart(let next):
            return position == 0 || text[position - 1] == 0x0a ? run(next, at: position) : nil
        case .lineEnd(let next):
            return position == text.count || text[position] == 0x0a ? run(next, at: position) : nil
        }
    }

    private mutating func loop(
        _ step: Int, _ set: ScalarSet, _ atLeast: Int, _ atMost: Int, _ possessive: Bool, _ next: Int, at start: Int
    ) -> Int? {
        let isOpen = atMost == .max && !possessive
        var position = start
        var count = 0
        // The first place where the loop may end.
        var least = atLeast == 0 ? start : -1
        var end = -1
        while count < atMost, let (scalar, after) = scalar(at: position), set.contains(scalar) {
            position = after
            count += 1
            if count == atLeast { least = position }
            if isOpen, count >= atLeast, hopeless[step].contains(position) {
                end = position
                break
            }
        }
        guard count >= atLeast else { return nil }
        // The longest that may still succeed: before the part that is known to fail.
        var candidate = end < 0 ? position : end - 1
        while candidate >= least {
            // Not inside a character.
            if candidate < text.count, text[candidate] & 0xc0 == 0x80 {
                candidate -= 1
                continue
            }
            if let found = run(next, at: candidate) { return found }
            if possessive { return nil }
            candidate -= 1
        }
        if isOpen {
            hopeless[step] = least..<max(position + 1, end >= 0 ? hopeless[step].upperBound : 0)
        }
        return nil
    }

    private func scalar(at position: Int) -> (Unicode.Scalar, end: Int)? {
        guard position < text.count else { return nil }
        let first = UInt32(text[position])
        if first < 0x80 { return (Unicode.Scalar(UInt8(first)), position + 1) }
        let length = UTF8Character.length(leading: UInt8(first))
        guard position + length <= text.count else { return nil }
        var value = first & (0x7f >> UInt32(length))
        for index in 1..<length { value = value << 6 | UInt32(text[position + index] & 0x3f) }
        return Unicode.Scalar(value).map { ($0, position + length) }
    }
}

extension SplitPattern {
    /// Finds single characters of a set.
    init(one item: ScalarSet.Item) {
        steps = [.match, .one(ScalarSet(item), next: 0)]
        start = 1
    }

    /// Finds a text.
    init(literal text: String) {
        var steps: [Step] = [.match]
        for scalar in text.unicodeScalars.reversed() {
            steps.append(.one(ScalarSet(.range(scalar.value...scalar.value)), next: steps.count - 1))
        }
        self.steps = steps
        start = steps.count - 1
    }
}
