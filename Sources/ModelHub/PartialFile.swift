internal import Foundation
internal import NIOCore

/// A file that is being downloaded in parts, several at once, and how far it is.
///
/// Beside the file lies a list of places that were reached, one a line: what is between the beginning of its part and the
/// place is there. So a download goes on after a crash. A place is listed after it is written; what a power failure takes
/// the checksum finds.
struct PartialFile: Sendable {
    static let partSize = 16 << 20

    let path: String
    let size: Int
    /// What was not there when it was opened, a range for each part.
    let missing: [Range<Int>]
    private let descriptor: Int32
    private let list: Int32

    private static func listPath(_ path: String) -> String { path + ".parts" }

    /// Opens what an earlier download left, or begins anew.
    ///
    /// - Throws: ``ModelHubError``.
    init(path: String, size: Int) throws(ModelHubError) {
        self.path = path
        self.size = size
        let header = "\(size) \(Self.partSize)"
        let lines = (try? String(contentsOfFile: Self.listPath(path), encoding: .utf8))?.split(separator: "\n") ?? []
        var isOld = lines.first.map { $0 == header } ?? false
        var status = stat()
        isOld = isOld && stat(path, &status) == 0 && Int(status.st_size) == size
        var reached: [Int: Int] = [:]
        for place in isOld ? lines.dropFirst().compactMap({ Int($0) }) : [] where (1...max(1, size)).contains(place) {
            reached[(place - 1) / Self.partSize, default: 0] = max(reached[(place - 1) / Self.partSize] ?? 0, place)
        }
        missing = stride(from: 0, to: size, by: Self.partSize).enumerated()
            .map { (reached[$0.offset] ?? $0.element)..<min(size, $0.element + Self.partSize) }
            .filter { !$0.isEmpty }

        let flags = O_RDWR | O_CREAT | O_CLOEXEC | (isOld ? 0 : O_TRUNC)
        descriptor = open(path, flags, 0o644)
        guard descriptor >= 0 else { throw ModelHubError(writing: path) }
        list = open(Self.listPath(path), flags | O_APPEND, 0o644)
        guard list >= 0 else {
            let error = ModelHubError(writing: path)
            close(descriptor)
            throw error
        }
        do throws(ModelHubError) {
            guard isOld || ftruncate(descriptor, off_t(size)) == 0 else { throw ModelHubError(writing: path) }
            if !isOld { try note(header) }
        } catch {
            closeFiles()
            throw error
        }
    }

    /// Writes bytes at a place.
    ///
    /// - Throws: ``ModelHubError``.
    func write(_ bytes: ByteBuffer, at offset: Int) throws(ModelHubError) {
        var error: ModelHubError?
        bytes.withUnsafeReadableBytes { bytes in
            var done = 0
            while done < bytes.count {
                let count = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else {
                    error = ModelHubError(writing: path)
                    return
                }
                done += count
            }
        }
        if let error { throw error }
    }

    /// Lists a place that was reached in its part.
    ///
    /// - Throws: ``ModelHubError``.
    func reach(_ place: Int) throws(ModelHubError) {
        try note("\(place)")
    }

    private func note(_ line: String) throws(ModelHubError) {
        let line = Array((line + "\n").utf8)
        guard Foundation.write(list, line, line.count) == line.count else { throw ModelHubError(writing: path) }
    }

    /// Makes it the finished file.
    ///
    /// - Throws: ``ModelHubError``.
    func move(to target: String) throws(ModelHubError) {
        guard fsync(descriptor) == 0, rename(path, target) == 0 else { throw ModelHubError(writing: target) }
        unlink(Self.listPath(path))
    }

    /// Deletes it, as it can never become the right file.
    func discard() {
        unlink(Self.listPath(path))
        unlink(path)
    }

    func closeFiles() {
        close(descriptor)
        close(list)
    }
}
