/// The keys and values of sequences that have ended, for prompts that begin as they did.
///
/// A conversation comes back with each turn, one message longer: what was read of it before need not be read again.
struct PrefixCache {
    /// A prefix that is shorter is read again sooner than it is looked for.
    static let leastCount = 16

    private struct Entry {
        /// As many as the cache holds.
        var tokens: ArraySlice<Int>
        var cache: KeyValueCache
    }

    /// The least recently used one first.
    private var entries: [Entry] = []

    /// Keeps a sequence that has ended. Others go where they would take more than `byteLimit` together.
    mutating func keep(_ tokens: ArraySlice<Int>, _ cache: KeyValueCache, byteLimit: Int) {
        guard tokens.count >= Self.leastCount else { return }
        // What is the beginning of the new one has become useless.
        entries.removeAll { $0.tokens.count <= tokens.count && $0.tokens.commonPrefixCount(tokens) == $0.tokens.count }
        entries.append(Entry(tokens: tokens, cache: cache))
        var size = entries.reduce(0) { $0 + $1.cache.byteCount }
        while size > byteLimit { size -= entries.removeFirst().cache.byteCount }
    }

    /// Forgets everything.
    mutating func removeAll() { entries = [] }

    /// How much of a prompt some sequence began with, its last token excepted, which has to be computed for its logits.
    func count(for prompt: [Int]) -> Int { longest(prompt)?.count ?? 0 }

    private func longest(_ prompt: [Int]) -> (index: Int, count: Int)? {
        entries.indices.map { (index: $0, count: entries[$0].tokens.commonPrefixCount(prompt.dropLast())) }
            .max { $0.count < $1.count }.flatMap { $0.count >= Self.leastCount ? $0 : nil }
    }

    /// Puts what is known of a prompt into its cache.
    ///
    /// - Returns: The cache for the prompt, which may be another one that is as large, and how many tokens it holds.
    mutating func fill(_ cache: KeyValueCache, for prompt: [Int]) -> (cache: KeyValueCache, count: Int) {
        guard let (index, count) = longest(prompt) else { return (cache, 0) }
        let entry = entries.remove(at: index)
        if count == entry.tokens.count, entry.cache.capacity >= cache.capacity { return (entry.cache, count) }
        entries.append(entry)
        cache.copy(from: entry.cache, count: count)
        return (cache, count)
    }
}

extension Collection<Int> {
    /// How many elements two sequences have in common before they differ.
    func commonPrefixCount(_ other: some Collection<Int>) -> Int {
        zip(self, other).prefix { $0 == $1 }.count
    }
}
