/// The tokens of a model, by number and by text.
///
/// Texts lie one after another in one buffer: a vocabulary of a hundred thousand tokens is loaded in milliseconds. They are
/// compared byte by byte; `String` would take texts for equal that differ in their combining marks.
struct Vocabulary: Sendable {
    /// No model has more tokens; a number beyond it is a mistake.
    static let maxCount = 1 << 24

    private struct Entry {
        var start: Int
        var length: Int
        var id: Int
    }

    private var text: [UInt8] = []
    private var entries: [Entry] = []
    /// The entry of each number; -1 for none.
    private var entryOfID: [Int32] = []
    /// Open addressing: an index into `entries` and one, 0 for none.
    private var table = [UInt32](repeating: 0, count: 1 << 10)
    private let seed = UInt64.random(in: .min ... .max)

    /// How many texts there are.
    var count: Int { entries.count }
    /// One more than the greatest number.
    var endID: Int { entryOfID.count }

    /// Adds a token, or gives a text another number.
    ///
    /// - Throws: ``Flaw`` where the number cannot be.
    mutating func insert(_ token: [UInt8], id: Int) throws(Flaw) {
        guard (0..<Self.maxCount).contains(id) else {
            throw Flaw("the token \(String(decoding: token, as: UTF8.self).quoted) has the number \(id)")
        }
        while entryOfID.count <= id { entryOfID.append(-1) }
        let (slot, entry) = token.withUnsafeBufferPointer(find)
        if let entry {
            entries[entry].id = id
            entryOfID[id] = Int32(entry)
            return
        }
        entries.append(Entry(start: text.count, length: token.count, id: id))
        text += token
        entryOfID[id] = Int32(entries.count - 1)
        table[slot] = UInt32(entries.count)
        if entries.count * 2 > table.count { grow() }
    }

    func id(of token: UnsafeBufferPointer<UInt8>) -> Int? {
        find(token).entry.map { entries[$0].id }
    }

    func id(of token: [UInt8]) -> Int? {
        token.withUnsafeBufferPointer { id(of: $0) }
    }

    func id(of token: String) -> Int? {
        id(of: [UInt8](token.utf8))
    }

    /// The text of a token.
    func token(_ id: Int) -> ArraySlice<UInt8>? {
        guard entryOfID.indices.contains(id), entryOfID[id] >= 0 else { return nil }
        let entry = entries[Int(entryOfID[id])]
        return text[entry.start..<entry.start + entry.length]
    }

    private func find(_ token: UnsafeBufferPointer<UInt8>) -> (slot: Int, entry: Int?) {
        var slot = Int(truncatingIfNeeded: hash(token)) & (table.count - 1)
        while table[slot] != 0 {
            let index = Int(table[slot]) - 1
            let entry = entries[index]
            if entry.length == token.count, text[entry.start..<entry.start + entry.length].elementsEqual(token) {
                return (slot, index)
            }
            slot = (slot + 1) & (table.count - 1)
        }
        return (slot, nil)
    }

    private mutating func grow() {
        table = [UInt32](repeating: 0, count: table.count * 2)
        for (index, entry) in entries.enumerated() {
            var slot = text.withUnsafeBufferPointer { text in
                let token = UnsafeBufferPointer(rebasing: text[entry.start..<entry.start + entry.length])
                return Int(truncatingIfNeeded: hash(token)) & (table.count - 1)
            }
            while table[slot] != 0 { slot = (slot + 1) & (table.count - 1) }
            table[slot] = UInt32(index + 1)
        }
    }

    /// Seeded, so that no file can choose texts that fall on one place.
    private func hash(_ token: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var hash = seed
        for byte in token { hash = hash.mixed(with: UInt64(byte)) }
        return hash ^ hash >> 32
    }
}

extension UInt64 {
    /// One step of a multiplicative hash.
    func mixed(with value: UInt64) -> UInt64 {
        let (high, low) = (self ^ value).multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
        return high ^ low
    }
}
