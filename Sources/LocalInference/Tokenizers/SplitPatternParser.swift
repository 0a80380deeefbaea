/// Reads the regular expressions of ``SplitPattern``.
///
/// An expression is read from its end to its beginning in a sense: each part is given the step that follows it, so the parts
/// are collected first and numbered after.
struct SplitPatternParser {
    private(set) var steps: [SplitPattern.Step] = []
    private let pattern: String
    private var rest: Substring.UnicodeScalarView
    private var depth = 0

    private indirect enum Part {
        case one(ScalarSet.Item)
        case loop(ScalarSet.Item, atLeast: Int, atMost: Int, possessive: Bool)
        case group([[Part]])
        case lookahead([[Part]], negative: Bool)
        case lineStart, lineEnd
    }

    init(_ pattern: String) {
        self.pattern = pattern
        rest = Substring(pattern).unicodeScalars
    }

    /// Reads the whole expression; returns its first step.
    mutating func parse() throws(Flaw) -> Int {
        guard rest.count <= 10_000 else { throw refusal("it is too long") }
        let alternatives = try readAlternatives(ignoringCase: false)
        guard rest.isEmpty else { throw refusal("a parenthesis closes that was not opened") }
        steps = [.match]
        let start = add(alternatives, next: 0)
        // Matching goes as deep as there are steps.
        guard steps.count <= 500 else { throw refusal("it is too long") }
        return start
    }

    private mutating func add(_ alternatives: [[Part]], next: Int) -> Int {
        let starts = alternatives.map { parts in parts.reversed().reduce(next) { add($1, next: $0) } }
        return starts.count == 1 ? starts[0] : add(.either(starts))
    }

    private mutating func add(_ part: Part, next: Int) -> Int {
        switch part {
        case .one(let item): add(.one(ScalarSet(item), next: next))
        case .loop(let item, let atLeast, let atMost, let possessive):
            add(.loop(ScalarSet(item), atLeast: atLeast, atMost: atMost, possessive: possessive, next: next))
        case .group(let alternatives): add(alternatives, next: next)
        case .lookahead(let alternatives, let negative):
            add(.lookahead(add(alternatives, next: 0), negative: negative, next: next))
        case .lineStart: add(.lineStart(next: next))
        case .lineEnd: add(.lineEnd(next: next))
        }
    }

    private mutating func add(_ step: SplitPattern.Step) -> Int {
        steps.append(step)
        return steps.count - 1
    }

    private func refusal(_ why: String) -> Flaw {
        Flaw("the pattern \(pattern.quoted) cannot be used: \(why)")
    }
}

extension SplitPatternParser {
    private mutating func readAlternatives(ignoringCase: Bool) throws(Flaw) -> [[Part]] {
        depth += 1
        defer { depth -= 1 }
        guard depth <= 20 else { throw refusal("it is nested too deeply") }
        var alternatives: [[Part]] = [[]]
        while let scalar = rest.first, scalar != ")" {
            if scalar == "|" {
                rest.removeFirst()
                alternatives.append([])
            } else {
                let part = try readPart(ignoringCase: ignoringCase)
                alternatives[alternatives.count - 1].append(try readQuantifier(of: part))
            }
        }
        return alternatives
    }

    private mutating func readPart(ignoringCase: Bool) throws(Flaw) -> Part {
        switch try next() {
        case "(": return try readGroup(ignoringCase: ignoringCase)
        case "[": return .one(try readClass(ignoringCase: ignoringCase))
        case "\\": return .one(try readEscape())
        case "^": return .lineStart
        case "$": return .lineEnd
        case ".": return .one(.not(.range(0x0a...0x0a)))
        case let scalar where "*+?{".unicodeScalars.contains(scalar): throw refusal("nothing is there to repeat")
        case let scalar: return .one(Self.literal(scalar, ignoringCase: ignoringCase))
        }
    }

    private mutating func readGroup(ignoringCase: Bool) throws(Flaw) -> Part {
        var ignoringCase = ignoringCase
        var negative: Bool?
        if rest.first == "?" {
            rest.removeFirst()
            switch try next() {
            case ":": break
            case "!": negative = true
            case "=": negative = false
            case "i":
                ignoringCase = true
                guard try next() == ":" else { throw refusal("this kind of group is unknown") }
            default: throw refusal("this kind of group is unknown")
            }
        }
        let alternatives = try readAlternatives(ignoringCase: ignoringCase)
        guard try next() == ")" else { throw refusal("a parenthesis is missing") }
        return if let negative { .lookahead(alternatives, negative: negative) } else { .group(alternatives) }
    }

    private mutating func readQuantifier(of part: Part) throws(Flaw) -> Part {
        let (atLeast, atMost): (Int, Int)
        var isCounted = false
        switch rest.first {
        case "?": (atLeast, atMost) = (0, 1)
        case "*": (atLeast, atMost) = (0, .max)
        case "+": (atLeast, atMost) = (1, .max)
        case "{":
            guard let close = rest.firstIndex(of: "}") else { throw refusal("a brace is missing") }
            let bounds = String(rest[rest.index(after: rest.startIndex)..<close])
                .split(separator: ",", omittingEmptySubsequences: false)
            // `{3}`, `{1,3}` and `{2,}`.
            guard let first = bounds.first, let least = Int(first), (0...1000).contains(least), bounds.count <= 2,
                let last = bounds.last, let most = last.isEmpty && bounds.count == 2 ? .max : Int(last), most >= least,
                most <= 1000 || most == .max
            else { throw refusal("a repetition is unknown") }
            (atLeast, atMost) = (least, most)
            rest = rest[close...]
            isCounted = true
        default: return part
        }
        rest.removeFirst()
        var possessive = false
        if rest.first == "+", !isCounted {
            possessive = true
            rest.removeFirst()
        }
        if let mark = rest.first, "?*+{".unicodeScalars.contains(mark) { throw refusal("this repetition is unknown") }
        switch part {
        case .one(let item): return .loop(item, atLeast: atLeast, atMost: atMost, possessive: possessive)
        case .group(let alternatives) where (atLeast, atMost, possessive) == (0, 1, false):
            return .group([[part]].filter { _ in !alternatives.isEmpty } + [[]])
        default: throw refusal("only characters and classes may repeat")
        }
    }

    private mutating func readClass(ignoringCase: Bool) throws(Flaw) -> ScalarSet.Item {
        var items: [ScalarSet.Item] = []
        var isNegated = false
        if rest.first == "^" {
            isNegated = true
            rest.removeFirst()
        }
        while true {
            let scalar = try next()
            if scalar == "]", !items.isEmpty { break }
            guard scalar != "[", !(scalar == "&" && rest.first == "&") else {
                throw refusal("classes within classes are unknown")
            }
            let item = scalar == "\\" ? try readEscape() : Self.literal(scalar, ignoringCase: false)
            guard case .range(let first) = item, rest.first == "-", rest.dropFirst().first != "]" else {
                items.append(item)
                if ignoringCase, case .range(let only) = item, let scalar = Unicode.Scalar(only.lowerBound) {
                    items.append(Self.literal(scalar, ignoringCase: true))
                }
                continue
            }
            rest.removeFirst()
            let end = try next()
            let last = end == "\\" ? try readEscape() : Self.literal(end, ignoringCase: false)
            guard !ignoringCase, case .range(let range) = last, first.lowerBound <= range.lowerBound else {
                throw refusal("a range of characters makes no sense")
            }
            items.append(.range(first.lowerBound...range.lowerBound))
        }
        return .union(items, negated: isNegated)
    }

    /// What follows a backslash.
    private mutating func readEscape() throws(Flaw) -> ScalarSet.Item {
        let scalar = try next()
        switch scalar {
        case "s": return .whitespace
        case "S": return .not(.whitespace)
        case "d": return .property("Nd")!
        case "D": return .not(.property("Nd")!)
        case "w": return .word
        case "W": return .not(.word)
        case "r": return .range(0x0d...0x0d)
        case "n": return .range(0x0a...0x0a)
        case "t": return .range(0x09...0x09)
        case "p", "P":
            guard try next() == "{", let close = rest.firstIndex(of: "}") else {
                throw refusal("a property is missing")
            }
            var name = String(rest[..<close])
            rest = rest[rest.index(after: close)...]
            let isNegated = name.hasPrefix("^") != (scalar == "P")
            if name.hasPrefix("^") { name.removeFirst() }
            guard let item = ScalarSet.Item.property(name) else { throw refusal("the property \(name) is unknown") }
            return isNegated ? .not(item) : item
        case "u", "x":
            guard rest.count >= 4 || scalar == "x" else { throw refusal("an escape is unknown") }
            let digits = String(rest.prefix(scalar == "u" ? 4 : 2))
            guard let value = UInt32(digits, radix: 16), Unicode.Scalar(value) != nil else {
                throw refusal("an escape is unknown")
            }
            rest = rest.dropFirst(digits.unicodeScalars.count)
            return .range(value...value)
        case let other where other.isASCII && !other.properties.isAlphabetic && !("0"..."9").contains(other):
            return .range(other.value...other.value)
        default: throw refusal("the escape \\\(scalar) is unknown")
        }
    }

    /// One character, and those that differ from it in case only.
    private static func literal(_ scalar: Unicode.Scalar, ignoringCase: Bool) -> ScalarSet.Item {
        let itself = ScalarSet.Item.range(scalar.value...scalar.value)
        guard ignoringCase else { return itself }
        var items = [itself]
        for text in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping]
        where text.unicodeScalars.count == 1 {
            items.append(.range(text.unicodeScalars.first!.value...text.unicodeScalars.first!.value))
        }
        // The two that fold to an ASCII letter (CaseFolding.txt): ſ and K.
        if scalar == "s" || scalar == "S" { items.append(.range(0x17f...0x17f)) }
        if scalar == "k" || scalar == "K" { items.append(.range(0x212a...0x212a)) }
        return .union(items, negated: false)
    }

    private mutating func next() throws(Flaw) -> Unicode.Scalar {
        guard let scalar = rest.first else { throw refusal("it ends early") }
        rest.removeFirst()
        return scalar
    }
}
