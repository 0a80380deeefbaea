/// Byte-pair encoding: a piece of text begins as its characters, and pairs become one by the order of the merges
/// (Sennrich et al., 2016, https://arxiv.org/abs/1508.07909), as Hugging Face's `BPE` does it.
struct BytePairModel: Sendable {
    var vocabulary: Vocabulary
    var merges: MergeTable
    /// What stands for a character that the vocabulary lacks; such characters vanish without it.
    var unknown: Int32?
    /// Whether unknown characters beside each other become one token.
    var fusesUnknown = false
    /// Whether a character that the vocabulary lacks becomes tokens such as `<0x0A>`, one a byte.
    var fallsBackToBytes = false
    /// Whether a piece that is itself a token is taken whole, whatever the merges say.
    var ignoresMerges = false

    /// The tokens `<0x00>` to `<0xFF>`, where they exist.
    private let byteTokens: [Int32?]

    init(vocabulary: Vocabulary, merges: MergeTable) {
        self.vocabulary = vocabulary
        self.merges = merges
        byteTokens = (0...255).map { vocabulary.id(of: ByteToken.text(UInt8($0))).map(Int32.init) }
    }

    /// Appends the tokens of a piece of text.
    func encode(_ piece: ArraySlice<UInt8>, into tokens: inout [Int]) {
        guard !piece.isEmpty else { return }
        piece.withUnsafeBufferPointer { bytes in
            if ignoresMerges, let id = vocabulary.id(of: bytes) { return tokens.append(id) }
            var symbols = self.symbols(bytes)
            if symbols.count <= Self.shortCount { mergeShort(&symbols) } else { mergeLong(&symbols) }
            for symbol in symbols { tokens.append(Int(symbol)) }
        }
    }

    /// The tokens of the single characters.
    private func symbols(_ bytes: UnsafeBufferPointer<UInt8>) -> [Int32] {
        var symbols: [Int32] = []
        symbols.reserveCapacity(bytes.count)
        var pendingUnknown = false
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + UTF8Character.length(leading: bytes[start]))
            let character = UnsafeBufferPointer(rebasing: bytes[start..<end])
            start = end
            if let id = vocabulary.id(of: character) {
                if pendingUnknown, let unknown { symbols.append(unknown) }
                pendingUnknown = false
                symbols.append(Int32(id))
                continue
            }
            if fallsBackToBytes, character.allSatisfy({ byteTokens[Int($0)] != nil }) {
                // An unknown character before stays pending, and comes after: as the reference has it.
                for byte in character { symbols.append(byteTokens[Int(byte)]!) }
                continue
            }
            if pendingUnknown, !fusesUnknown, let unknown { symbols.append(unknown) }
            pendingUnknown = true
        }
        if pendingUnknown, let unknown { symbols.append(unknown) }
        return symbols
    }

    /// Up to this many symbols, looking at all pairs is faster than keeping them in order.
    private static let shortCount = 48

    private func mergeShort(_ symbols: inout [Int32]) {
        guard symbols.count > 1 else { return }
        var pairs = (0..<symbols.count - 1).map { merges.merge(symbols[$0], symbols[$0 + 1]) }
        while true {
            var best = -1
            var bestRank = UInt32.max
            for (index, pair) in pairs.enumerated() {
                if let pair, pair.rank < bestRank || best < 0 { (best, bestRank) = (index, pair.rank) }
            }
            guard best >= 0, let merge = pairs[best] else { return }
            symbols[best] = merge.id
            symbols.remove(at: best + 1)
            pairs.remove(at: best)
            if best > 0 { pairs[best - 1] = merges.merge(symbols[best - 1], symbols[best]) }
            if best < pairs.count { pairs[best] = merges.merge(symbols[best], symbols[best + 1]) }
        }
    }

    /// The same for long pieces in `n log n`: pairs in a heap, symbols in a linked list.
    private func mergeLong(_ symbols: inout [Int32]) {
        var next = Array(1...symbols.count)
        var previous = Array(-1..<symbols.count - 1)
        var queue = MergeQueue()
        func enqueue(_ left: Int) {
            guard left >= 0, next[left] < symbols.count else { return }
            if let merge = merges.merge(symbols[left], symbols[next[left]]) {
                queue.push(rank: merge.rank, position: left)
            }
        }
        for index in symbols.indices { enqueue(index) }
        while let (rank, left) = queue.pop() {
            // What a pair was when it was queued may be gone: the symbol swallowed, or another beside it.
            guard symbols[left] >= 0, next[left] < symbols.count,
                let merge = merges.merge(symbols[left], symbols[next[left]]), merge.rank == rank
            else { continue }
            let right = next[left]
            symbols[left] = merge.id
            symbols[right] = -1
            next[left] = next[right]
            if next[left] < symbols.count { previous[next[left]] = left }
            enqueue(previous[left])
            enqueue(left)
        }
        symbols.removeAll { $0 < 0 }
    }
}

/// A priority queue of pairs: the lowest rank first, and of those the leftmost.
private struct MergeQueue {
    private var heap: [UInt64] = []

    mutating func push(rank: UInt32, position: Int) {
        heap.append(UInt64(rank) << 32 | UInt64(UInt32(truncatingIfNeeded: position)))
        var child = heap.count - 1
        while child > 0, heap[child] < heap[(child - 1) / 2] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> (rank: UInt32, position: Int)? {
        guard let top = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child] < heap[least] {
                    least = child
                }
                guard least != parent else { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        return (UInt32(top >> 32), Int(top & 0xffff_ffff))
    }
}

/// Tokens that stand for one byte: `<0x0A>`.
enum ByteToken {
    static func text(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "<0x\(digits.count == 1 ? "0" : "")\(digits)>"
    }

    static func byte(_ token: some StringProtocol) -> UInt8? {
        guard token.utf8.count == 6, token.hasPrefix("<0x"), token.hasSuffix(">") else { return nil }
        return UInt8(token.dropFirst(3).dropLast(), radix: 16)
    }
}

enum UTF8Character {
    /// How many bytes a character has that begins with this one; the text is well-formed.
    static func length(leading byte: UInt8) -> Int {
        switch byte {
        case ..<0xc0: 1
        case ..<0xe0: 2
        case ..<0xf0: 3
        default: 4
        }
    }
}
