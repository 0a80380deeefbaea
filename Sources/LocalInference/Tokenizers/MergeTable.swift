/// Which pairs of tokens make one, and in which order pairs are looked for.
struct MergeTable: Sendable {
    struct Merge {
        /// The position in the list of merges: lower goes first.
        var rank: UInt32
        /// The token that the pair becomes.
        var id: Int32
    }

    private struct Entry {
        var pair: UInt64
        var merge: Merge
    }

    private var entries: [Entry] = []
    /// Open addressing: an index into `entries` and one, 0 for none.
    private var table: [UInt32]
    private let seed = UInt64.random(in: .min ... .max)

    init(capacity: Int) {
        var size = 1 << 6
        while size < capacity * 2 { size *= 2 }
        table = [UInt32](repeating: 0, count: size)
        entries.reserveCapacity(capacity)
    }

    /// Adds the next merge; of two for one pair the last counts.
    mutating func append(_ left: Int32, _ right: Int32, id: Int32, rank: UInt32) {
        let pair = Self.pair(left, right)
        let slot = slot(of: pair)
        let merge = Merge(rank: rank, id: id)
        if table[slot] != 0 {
            entries[Int(table[slot]) - 1].merge = merge
        } else {
            entries.append(Entry(pair: pair, merge: merge))
            table[slot] = UInt32(entries.count)
            if entries.count * 2 > table.count { grow() }
        }
    }

    func merge(_ left: Int32, _ right: Int32) -> Merge? {
        let index = table[slot(of: Self.pair(left, right))]
        return index == 0 ? nil : entries[Int(index) - 1].merge
    }

    private static func pair(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    private func slot(of pair: UInt64) -> Int {
        let hash = seed.mixed(with: pair)
        var slot = Int(truncatingIfNeeded: hash ^ hash >> 32) & (table.count - 1)
        while table[slot] != 0, entries[Int(table[slot]) - 1].pair != pair { slot = (slot + 1) & (table.count - 1) }
        return slot
    }

    private mutating func grow() {
        table = [UInt32](repeating: 0, count: table.count * 2)
        for (index, entry) in entries.enumerated() { table[slot(of: entry.pair)] = UInt32(index + 1) }
    }
}
