import Foundation

/// Writes zip archives as PyTorch does, and with any lie that a test wants.
struct ZipWriter {
    struct Entry {
        var name: String
        var data: Data
        var method: UInt16 = 0
        var flags: UInt16 = 0
        /// What the directory says in place of the truth.
        var statedSize: UInt32?
        var statedOffset: UInt32?
        var localName: String?
    }

    private(set) var bytes = Data()
    private var directory = Data()
    private var count: UInt16 = 0

    mutating func add(_ entry: Entry) {
        let offset = entry.statedOffset ?? UInt32(bytes.count)
        let size = entry.statedSize ?? UInt32(entry.data.count)
        let localName = entry.localName ?? entry.name
        bytes += number(0x0403_4b50 as UInt32) + number(0 as UInt16) + number(entry.flags) + number(entry.method)
        bytes += Data(count: 8) + number(size) + number(size)
        bytes += number(UInt16(localName.utf8.count)) + number(0 as UInt16) + Data(localName.utf8) + entry.data
        directory += number(0x0201_4b50 as UInt32) + Data(count: 4) + number(entry.flags) + number(entry.method)
        directory += Data(count: 8) + number(size) + number(size) + number(UInt16(entry.name.utf8.count))
        directory += Data(count: 12) + number(offset) + Data(entry.name.utf8)
        count += 1
    }

    /// The archive with its directory and the record at its end.
    func archive(statedCount: UInt16? = nil, statedOffset: UInt32? = nil) -> Data {
        let end =
            number(0x0605_4b50 as UInt32) + Data(count: 4) + number(statedCount ?? count)
            + number(statedCount ?? count) + number(UInt32(directory.count))
        return bytes + directory + end + number(statedOffset ?? UInt32(bytes.count)) + number(0 as UInt16)
    }

    private func number<Number: FixedWidthInteger>(_ value: Number) -> Data {
        withUnsafeBytes(of: value.littleEndian) { Data($0) }
    }
}
