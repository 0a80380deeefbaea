internal import Foundation

/// A lock between processes by `flock(2)`, as Python's tools take it on the same files; a crash releases it.
struct FileLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock if nobody has it.
    ///
    /// - Throws: ``ModelHubError`` where its file cannot be written.
    static func take(_ path: String) throws(ModelHubError) -> FileLock? {
        while true {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw ModelHubError(writing: path) }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                close(descriptor)
                return nil
            }
            // Who had the lock before may have deleted its file: then others would lock another.
            var (held, there) = (stat(), stat())
            if fstat(descriptor, &held) == 0, stat(path, &there) == 0, held.st_ino == there.st_ino {
                return FileLock(descriptor: descriptor)
            }
            close(descriptor)
        }
    }

    /// Waits for the lock.
    ///
    /// - Parameter onWait: Called once if somebody has it.
    static func wait(for path: String, onWait: () -> Void) async throws -> FileLock {
        var isWaiting = false
        while true {
            if let lock = try take(path) { return lock }
            if !isWaiting { onWait() }
            isWaiting = true
            // flock has no wait that a task could be cancelled in.
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    func release() {
        close(descriptor)
    }
}

extension ModelHubError {
    /// The error of a system call that failed on a file, by `errno`.
    init(writing path: String) {
        let code = errno
        self.init(
            code == ENOSPC || code == EDQUOT
                ? "the disk of \(path) is full; make room, or set HF_HOME to another disk"
                : "cannot write \(path): \(String(cString: strerror(code)))")
    }
}
