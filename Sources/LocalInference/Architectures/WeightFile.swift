import Foundation

/// The file of packed weights:
///
/// | bytes | |
/// | --- | --- |
/// | 0–7 | `swe-wgt1` |
/// | 8–15 | the fingerprint of what was packed |
/// | 16–23 | the length of the weights |
/// | 24–31 | the checksum of the weights |
/// | 32–39 | the checksum of bytes 0–31 |
/// | 4096– | the weights, in the order of the plan |
///
/// Numbers are little-endian.
enum WeightFile {
    private static let magic = UInt64(littleEndian: 0x3174_6777_2D65_7773)
    private static let headerSize = 4096
    /// The size of a huge page. Linux maps a file with them where its offset and its address agree in this measure.
    private static let hugePage = 2 << 20

    struct SystemError: Error, CustomStringConvertible {
        var description: String

        init(_ what: String) { description = "\(what): \(String(cString: strerror(errno)))" }
    }

    // MARK: Reading

    /// Maps a file; `nil` where it is not there, damaged, or not what is wanted.
    static func map(_ path: String, _ plan: WeightPlan, _ fingerprint: UInt64, team: WorkerTeam) -> PackedWeights? {
        let size = headerSize + plan.byteCount
        guard let mapping = Mapping(path: path, size: size) else { return nil }
        func number(_ index: Int) -> UInt64 {
            UInt64(littleEndian: mapping.bytes.load(fromByteOffset: 8 * index, as: UInt64.self))
        }
        let weights = UnsafeRawBufferPointer(rebasing: mapping.bytes[headerSize...])
        guard number(0) == magic, number(1) == fingerprint, number(2) == UInt64(plan.byteCount),
            number(4) == headerChecksum(mapping.bytes),
            number(3) == WeightChecksum.combine(WeightChecksum.values(of: plan, in: weights, team: team))
        else { return nil }
        return PackedWeights(plan, bytes: weights, heldBy: mapping)
    }

    private static func headerChecksum(_ header: UnsafeRawBufferPointer) -> UInt64 {
        var hash = FNV1a()
        for byte in header[..<32] { hash.combine(byte) }
        return hash.value
    }

    /// A file mapped at a multiple of the size of a huge page.
    private final class Mapping {
        let bytes: UnsafeRawBufferPointer

        init?(path: String, size: Int) {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { return nil }
            defer { close(descriptor) }
            var status = stat()
            guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, Int(status.st_size) == size,
                let start = Self.map(descriptor, size)
            else { return nil }
            bytes = UnsafeRawBufferPointer(start: start, count: size)
        }

        deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress!), bytes.count) }

        private static func map(_ descriptor: Int32, _ size: Int) -> UnsafeMutableRawPointer? {
            // A place with room to move up to the next multiple, of which the rest is given back.
            let room = size + hugePage
            guard let reserved = mmap(nil, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                reserved != MAP_FAILED
            else { return nil }
            let start = UnsafeMutableRawPointer(
                bitPattern: (UInt(bitPattern: reserved) + UInt(hugePage - 1)) & ~UInt(hugePage - 1))!
            guard mmap(start, size, PROT_READ, MAP_SHARED | MAP_FIXED, descriptor, 0) != MAP_FAILED else {
                munmap(reserved, room)
                return nil
            }
            let page = Int(sysconf(Int32(_SC_PAGESIZE)))
            let end = start + (size + page - 1) / page * page
            if start > reserved { munmap(reserved, start - reserved) }
            if reserved + room > end { munmap(end, reserved + room - end) }
            #if os(Linux)
            madvise(start, size, Int32(MADV_HUGEPAGE))
            #endif
            return start
        }
    }

    // MARK: Writing

    /// - Parameter pack: Stores all items of the plan in their order.
    /// - Throws: ``SystemError``, or what `pack` throws.
    static func write(
        _ path: String, _ plan: WeightPlan, _ fingerprint: UInt64,
        pack: (_ store: (WeightPlan.Item, UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws {
        let temporary = "\(path).\(getpid()).\(UInt32.random(in: .min ... .max))"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemError("cannot create \(temporary)") }
        defer { close(descriptor) }
        do {
            guard ftruncate(descriptor, off_t(headerSize + plan.byteCount)) == 0 else {
                throw SystemError("cannot write \(temporary)")
            }
            var checksums: [UInt64] = []
            try pack { item, bytes in
                checksums.append(WeightChecksum.value(of: bytes))
                try write(bytes, at: headerSize + item.offset, to: descriptor, temporary)
            }
            let checksum = WeightChecksum.combine(checksums)
            var header = [magic, fingerprint, UInt64(plan.byteCount), checksum].map(\.littleEndian)
            header.append(header.withUnsafeBytes(headerChecksum).littleEndian)
            try header.withUnsafeBytes { try write($0, at: 0, to: descriptor, temporary) }
            // The data is on disk before its name is, or a crash could leave a file of the right size without it.
            guard fsync(descriptor) == 0 else { throw SystemError("cannot write \(temporary)") }
            guard rename(temporary, path) == 0 else { throw SystemError("cannot rename \(temporary)") }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    private static func write(
        _ bytes: UnsafeRawBufferPointer, at position: Int, to descriptor: Int32, _ path: String
    ) throws {
        var written = 0
        while written < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
            let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(position + written))
            guard count > 0 || errno == EINTR else { throw SystemError("cannot write \(path)") }
            written += max(0, count)
        }
    }
}
