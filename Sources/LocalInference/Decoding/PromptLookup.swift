/// Guesses the next tokens from what followed the same tokens earlier (prompt lookup decoding, Saxena 2023).
struct PromptLookup {
    private static let longestMatch = 4
    private static let shortestMatch = 2
    private static let mostDrafts = 16

    /// How many tokens are guessed: more after guesses that were right, fewer after wrong ones, as each costs time.
    private var limit = 4

    /// The guess, at most `most` tokens.
    func drafts(after tokens: [Int], most: Int) -> ArraySlice<Int> {
        let most = min(most, limit)
        guard most > 0 else { return [] }
        for length in stride(from: Self.longestMatch, through: Self.shortestMatch, by: -1) {
            if let end = Self.lastMatch(length, in: tokens) {
                return tokens[end..<min(end + most, tokens.count)]
            }
        }
        return []
    }

    /// Where the latest earlier occurrence of the last `length` tokens ends.
    private static func lastMatch(_ length: Int, in tokens: [Int]) -> Int? {
        guard tokens.count > length else { return nil }
        return tokens.withUnsafeBufferPointer { tokens in
            let last = tokens.count - 1
            var end = last
            while end >= length {
                if tokens[end - 1] == tokens[last] {
                    var matched = 1
                    while matched < length, tokens[end - 1 - matched] == tokens[last - matched] { matched += 1 }
                    if matched == length { return end }
                }
                end -= 1
            }
            return nil
        }
    }

    /// Learns how many of the guessed tokens were right.
    mutating func note(accepted: Int, of count: Int) {
        guard count > 0 else { return }
        if accepted == count {
            limit = min(2 * limit, Self.mostDrafts)
        } else {
            limit = max(accepted + 1, 2)
        }
    }
}
