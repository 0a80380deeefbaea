/// Ends a text before the first of several strings, without ever giving out the beginning of one.
struct StopStrings {
    private let strings: [[UInt8]]
    private var held: [UInt8] = []

    init(_ strings: [String]) {
        self.strings = strings.map { Array($0.utf8) }
    }

    /// Takes more of the text.
    ///
    /// - Returns: What can be given out, and whether the text ends with it.
    mutating func pass(_ text: String) -> (text: String, isEnd: Bool) {
        guard !strings.isEmpty else { return (text, false) }
        held += text.utf8
        if let end = strings.compactMap({ firstIndex(of: $0) }).min() {
            held.removeSubrange(end...)
            return (flush(), true)
        }
        let kept = strings.map { lengthOfBeginning(of: $0) }.max() ?? 0
        let passed = String(decoding: held.dropLast(kept), as: UTF8.self)
        held.removeFirst(held.count - kept)
        return (passed, false)
    }

    /// What was held back, at the end of the text.
    mutating func flush() -> String {
        defer { held = [] }
        return String(decoding: held, as: UTF8.self)
    }

    private func firstIndex(of string: [UInt8]) -> Int? {
        guard held.count >= string.count else { return nil }
        return (0...(held.count - string.count)).first { held[$0...].starts(with: string) }
    }

    /// How many bytes at the end of the text may be the beginning of the string.
    private func lengthOfBeginning(of string: [UInt8]) -> Int {
        stride(from: min(string.count - 1, held.count), to: 0, by: -1)
            .first { held.suffix($0).elementsEqual(string.prefix($0)) } ?? 0
    }
}
