/// The entries of a zip archive whose entries are stored as they are, as PyTorch writes it.
///
/// Everything is checked against the central directory; a compressed entry is refused, so nothing can grow.
/// The format: PKWARE's APPNOTE 6.3.10, with its zip64 extension.
struct ZipArchive {
    struct Entry {
        let name: String
        /// Where the contents are, from the start of the file.
        let range: Range<Int>
    }

    let entries: [Entry]

    private static let maxEntries = 1 << 20

    /// - Throws: ``Flaw``.
    init(_ bytes: UnsafeRawBufferPointer) throws(Flaw) {
        let directory = try Self.directory(bytes)
        var entries: [Entry] = []
        var names: Set<String> = []
        var position = directory.offset
        for _ in 0..<directory.count {
            let record = try CentralRecord(bytes, at: position, before: directory.offset + directory.size)
            position += record.length
            guard names.insert(record.name).inserted else { throw Flaw("it has two files named \(record.name.quoted)") }
            entries.append(Entry(name: record.name, range: try record.contents(bytes, before: directory.offset)))
        }
        var end = 0
        for entry in entries.sorted(by: {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }) {
            guard entry.range.lowerBound >= end else { throw Flaw("its file \(entry.name.quoted) overlaps another") }
            end = entry.range.upperBound
        }
        self.entries = entries
    }

    /// Finds the central directory by the record at the end of the file.
    private static func directory(
        _ bytes: UnsafeRawBufferPointer
    ) throws(Flaw) -> (offset: Int, size: Int, count: Int) {
        let size = 22
        // A comment of up to 65,535 bytes may follow the record.
        guard bytes.count >= size,
            let end = stride(from: bytes.count - size, through: max(0, bytes.count - size - 0xffff), by: -1).first(
                where: {
                    bytes.integer(UInt32.self, at: $0) == 0x0605_4b50
                })
        else { throw Flaw("the end of the archive is missing; download it again") }
        var count = UInt64(bytes.integer(UInt16.self, at: end + 10) ?? 0)
        var length = UInt64(bytes.integer(UInt32.self, at: end + 12) ?? 0)
        var offset = UInt64(bytes.integer(UInt32.self, at: end + 16) ?? 0)
        if end >= 20, bytes.integer(UInt32.self, at: end - 20) == 0x0706_4b50 {
            guard let place = bytes.integer(UInt64.self, at: end - 12), let end64 = Int(exactly: place),
                bytes.integer(UInt32.self, at: end64) == 0x0606_4b50,
                let count64 = bytes.integer(UInt64.self, at: end64 + 32),
                let length64 = bytes.integer(UInt64.self, at: end64 + 40),
                let offset64 = bytes.integer(UInt64.self, at: end64 + 48)
            else { throw Flaw("its zip64 record is damaged") }
            (count, length, offset) = (count64, length64, offset64)
        }
        guard count <= maxEntries else { throw Flaw("it would have \(count) files") }
        guard length <= UInt64(end), offset <= UInt64(end) - length else {
            throw Flaw("its directory is outside the file; download it again")
        }
        return (Int(offset), Int(length), Int(count))
    }
}

/// One record of the central directory.
private struct CentralRecord {
    let name: String
    let length: Int
    private let size: UInt64
    private let localOffset: UInt64

    init(_ bytes: UnsafeRawBufferPointer, at start: Int, before end: Int) throws(Flaw) {
        guard start <= end - 46, bytes.integer(UInt32.self, at: start) == 0x0201_4b50,
            let flags = bytes.integer(UInt16.self, at: start + 8),
            let method = bytes.integer(UInt16.self, at: start + 10),
            let stored32 = bytes.integer(UInt32.self, at: start + 20),
            let size32 = bytes.integer(UInt32.self, at: start + 24),
            let nameLength = bytes.integer(UInt16.self, at: start + 28),
            let extraLength = bytes.integer(UInt16.self, at: start + 30),
            let commentLength = bytes.integer(UInt16.self, at: start + 32),
            let offset32 = bytes.integer(UInt32.self, at: start + 42)
        else { throw Flaw("its directory is damaged") }
        length = 46 + Int(nameLength) + Int(extraLength) + Int(commentLength)
        guard length <= end - start else { throw Flaw("its directory is damaged") }
        let nameStart = start + 46
        let extraStart = nameStart + Int(nameLength)
        name = String(decoding: bytes[nameStart..<extraStart], as: UTF8.self)
        guard flags & 1 == 0 else { throw Flaw("its file \(name.quoted) is encrypted") }
        guard method == 0 else {
            throw Flaw("its file \(name.quoted) is compressed, which PyTorch never writes; it is refused")
        }

        // Values that do not fit are in the zip64 extra field, in this order, and only they.
        var (stored, size, offset) = (UInt64(stored32), UInt64(size32), UInt64(offset32))
        var field = extraStart
        let extraEnd = extraStart + Int(extraLength)
        while field + 4 <= extraEnd, let tag = bytes.integer(UInt16.self, at: field),
            let fieldLength = bytes.integer(UInt16.self, at: field + 2)
        {
            let fieldEnd = field + 4 + Int(fieldLength)
            guard fieldEnd <= extraEnd else { throw Flaw("its directory is damaged") }
            if tag == 1 {
                var position = field + 4
                func next() throws(Flaw) -> UInt64 {
                    guard position + 8 <= fieldEnd, let value = bytes.integer(UInt64.self, at: position) else {
                        throw Flaw("its directory is damaged")
                    }
                    position += 8
                    return value
                }
                if size32 == .max { size = try next() }
                if stored32 == .max { stored = try next() }
                if offset32 == .max { offset = try next() }
            }
            field = fieldEnd
        }
        guard stored == size else { throw Flaw("its file \(name.quoted) has two sizes") }
        self.size = size
        localOffset = offset
    }

    /// Where the contents are: behind a header of their own, which repeats the name.
    func contents(_ bytes: UnsafeRawBufferPointer, before end: Int) throws(Flaw) -> Range<Int> {
        guard let start = Int(exactly: localOffset), start <= end,
            bytes.integer(UInt32.self, at: start) == 0x0403_4b50,
            let nameLength = bytes.integer(UInt16.self, at: start + 26),
            let extraLength = bytes.integer(UInt16.self, at: start + 28)
        else { throw Flaw("its file \(name.quoted) is outside the archive; download it again") }
        let first = start + 30 + Int(nameLength) + Int(extraLength)
        guard first <= end, size <= UInt64(end - first) else {
            throw Flaw("its file \(name.quoted) is outside the archive; download it again")
        }
        guard bytes[(start + 30)..<(start + 30 + Int(nameLength))].elementsEqual(name.utf8) else {
            throw Flaw("its file \(name.quoted) has two names")
        }
        return first..<first + Int(size)
    }
}
