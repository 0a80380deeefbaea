/// A set of Unicode scalars, as a regular expression's character class describes it.
struct ScalarSet: Sendable {
    /// A part of a class: `a-z`, `\p{L}`, `\s`, or the complement of one.
    enum Item: Sendable {
        case range(ClosedRange<UInt32>)
        /// A bit for each general category.
        case categories(UInt32)
        case whitespace
        indirect case not(Item)
        indirect case union([Item], negated: Bool)

        func contains(_ scalar: Unicode.Scalar) -> Bool {
            switch self {
            case .range(let range): range.contains(scalar.value)
            case .categories(let mask): mask & 1 << UInt32(Self.index(scalar.properties.generalCategory)) != 0
            case .whitespace: scalar.properties.isWhitespace
            case .not(let item): !item.contains(scalar)
            case .union(let items, let negated): items.contains { $0.contains(scalar) } != negated
            }
        }
    }

    private let item: Item
    /// The answer for ASCII, a bit each.
    private var ascii: (low: UInt64, high: UInt64) = (0, 0)

    init(_ item: Item) {
        self.item = item
        for value in 0..<UInt8(64) where item.contains(Unicode.Scalar(value)) { ascii.low |= 1 << UInt64(value) }
        for value in 64..<UInt8(128) where item.contains(Unicode.Scalar(value)) {
            ascii.high |= 1 << UInt64(value - 64)
        }
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        let value = scalar.value
        if value < 64 { return ascii.low >> UInt64(value) & 1 != 0 }
        if value < 128 { return ascii.high >> UInt64(value - 64) & 1 != 0 }
        return item.contains(scalar)
    }
}

extension ScalarSet.Item {
    /// A general category by its short name, or all whose names begin with the letter; `nil` for other properties.
    static func property(_ name: String) -> ScalarSet.Item? {
        var mask: UInt32 = 0
        for (index, short) in names.enumerated() where short == name || (name.count == 1 && short.hasPrefix(name)) {
            mask |= 1 << UInt32(index)
        }
        return mask == 0 ? nil : .categories(mask)
    }

    static let numbers = property("N")!
    static let punctuation = ScalarSet.Item.union(
        [property("P")!, .range(0x21...0x2f), .range(0x3a...0x40), .range(0x5b...0x60), .range(0x7b...0x7e)],
        negated: false)
    static let word = ScalarSet.Item.union(
        [property("L")!, property("M")!, property("Nd")!, property("Nl")!, property("Pc")!], negated: false)

    private static let names = [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
        "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
    ]

    private static func index(_ category: Unicode.GeneralCategory) -> Int {
        switch category {
        case .uppercaseLetter: 0
        case .lowercaseLetter: 1
        case .titlecaseLetter: 2
        case .modifierLetter: 3
        case .otherLetter: 4
        case .nonspacingMark: 5
        case .spacingMark: 6
        case .enclosingMark: 7
        case .decimalNumber: 8
        case .letterNumber: 9
        case .otherNumber: 10
        case .connectorPunctuation: 11
        case .dashPunctuation: 12
        case .openPunctuation: 13
        case .closePunctuation: 14
        case .initialPunctuation: 15
        case .finalPunctuation: 16
        case .otherPunctuation: 17
        case .mathSymbol: 18
        case .currencySymbol: 19
        case .modifierSymbol: 20
        case .otherSymbol: 21
        case .spaceSeparator: 22
        case .lineSeparator: 23
        case .paragraphSeparator: 24
        case .control: 25
        case .format: 26
        case .surrogate: 27
        case .privateUse: 28
        case .unassigned: 29
        @unknown default: 29
        }
    }
}
