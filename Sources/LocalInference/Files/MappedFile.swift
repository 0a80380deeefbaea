internal import Foundation

/// A file of this machine, mapped read-only for as long as it is held.
///
/// `@unchecked Sendable`: `bytes` is never written, and unmapped only when nobody holds the file any more.
final class MappedFile: @unchecked Sendable {
    let path: String
    let bytes: UnsafeRawBufferPointer

    /// Maps the whole of a regular file.
    ///
    /// - Throws: ``CheckpointError``.
    init(path: String) throws(CheckpointError) {
        func failure(_ what: String) -> CheckpointError { CheckpointError("cannot read \(path): \(what)") }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure(String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure(String(cString: strerror(errno))) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw failure("it is no file") }
        let size = Int(status.st_size)
        self.path = path
        guard size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            throw failure(String(cString: strerror(errno)))
        }
        bytes = UnsafeRawBufferPointer(start: start, count: size)
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }

    /// Lets go of the pages of a part of the file; they are read again when they are touched again.
    func release(_ part: UnsafeRawBufferPointer) {
        guard let start = part.baseAddress, let base = bytes.baseAddress, start >= base,
            start + part.count <= base + bytes.count
        else { return }
        // Only pages that are wholly inside: the others belong to the neighbours, too.
        let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
        let first = (UInt(bitPattern: start) + page - 1) / page * page
        let end = UInt(bitPattern: start + part.count) / page * page
        guard first < end, let pointer = UnsafeMutableRawPointer(bitPattern: first) else { return }
        madvise(pointer, Int(end - first), MADV_DONTNEED)
    }
}

extension UnsafeRawBufferPointer {
    /// A little-endian number at an offset, which need not be aligned; `nil` past the end.
    func integer<Number: FixedWidthInteger>(_: Number.Type, at offset: Int) -> Number? {
        guard offset >= 0, offset <= count - MemoryLayout<Number>.size else { return nil }
        return Number(littleEndian: loadUnaligned(fromByteOffset: offset, as: Number.self))
    }
}
