/// What is wrong with a file, without its name.
struct Flaw: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

extension Int {
    /// The product of sizes; `nil` where it is beyond what can be counted.
    static func product(_ sizes: some Sequence<Int>, times factor: Int = 1) -> Int? {
        var product = factor
        for size in sizes {
            let (next, overflow) = product.multipliedReportingOverflow(by: size)
            guard !overflow else { return nil }
            product = next
        }
        return product
    }
}

extension String {
    /// The text as an error shows a name from a file: on one line, not too long, and nothing that a terminal obeys.
    var quoted: String {
        var shown = String.UnicodeScalarView()
        for scalar in unicodeScalars.prefix(120) {
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
                shown.append("?")
            default: shown.append(scalar)
            }
        }
        return "“\(String(shown))\(unicodeScalars.count > 120 ? "…" : "")”"
    }
}
