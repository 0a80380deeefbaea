import Foundation

/// Keeps a second process off a data directory, for as long as this one lives (`flock(2)`: a crash releases it).
struct DataDirectoryLock: Sendable {
    private let descriptor: Int32

    /// Makes the directory where it is missing, readable by its owner only, and locks it.
    ///
    /// - Throws: ``TaskStoreError``.
    init(directory: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw TaskStoreError(
                "cannot make the data directory \(directory): \(error.localizedDescription); set SWE_AGENT_DATA to a writable one"
            )
        }
        let path = directory + "/lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw TaskStoreError(
                "cannot write in the data directory \(directory): \(String(cString: strerror(errno))); set SWE_AGENT_DATA to a writable one"
            )
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw TaskStoreError(
                "the data directory \(directory) is in use by another swe-agent; stop it, or set SWE_AGENT_DATA to another directory"
            )
        }
    }

    func release() {
        // A program that is just being started has a copy of the descriptor until it runs; closing ours would not do.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
