internal import Foundation
internal import NIOCore
internal import SystemPackage

/// What the host keeps of a task's pod, so that the next service finds it again, or another pod can take its place.
struct PodRecord: Codable, Sendable {
    /// Counts the pods of the task; each has a name of its own, as one whose node is lost can keep its name for long.
    var generation = 1
    /// The pod's name and uid, once it was ready.
    var pod: String?
    var uid: String?
    /// What the pod has of each mirror, by the mirror's path in it.
    var mirrors: [String: String] = [:]
    /// The number of the last snapshot that was begun, and those of the ones that are kept.
    var snapshotCount = 0
    var snapshots: [Int] = []
    /// Whether the snapshots hold what the last command left.
    var isWhole = true
}

/// The directory of the host with the record of one task's pod and the snapshots of its workspace.
///
/// To the host a snapshot is bytes: it is written by a pod and read by a pod, and nothing on the host looks into it.
struct PodRecordStore: Sendable {
    let directory: String

    private var file: String { "\(directory)/pod.json" }
    /// Where the mirror is packed before it is sent.
    var bundle: String { "\(directory)/bundle" }
    func snapshot(_ number: Int) -> String { "\(directory)/\(number).tar" }

    /// - Returns: `nil` where the task has had no pod.
    /// - Throws: ``SandboxError`` where there is a record that cannot be read.
    func read() throws -> PodRecord? {
        guard FileManager.default.fileExists(atPath: file) else { return nil }
        do {
            return try JSONDecoder().decode(PodRecord.self, from: Data(contentsOf: URL(filePath: file)))
        } catch {
            throw SandboxError(.failed, "\(file) cannot be read: \(error.localizedDescription)")
        }
    }

    func write(_ record: PodRecord) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try JSONEncoder().encode(record).write(to: URL(filePath: file), options: .atomic)
        } catch {
            throw SandboxError(.failed, "\(file) cannot be written: \(error.localizedDescription)")
        }
    }

    func remove() throws {
        guard FileManager.default.fileExists(atPath: directory) else { return }
        try FileManager.default.removeItem(atPath: directory)
    }
}

/// A file of the host that a pod's output goes to, up to a limit.
actor BoundedFile: PodScriptOutput {
    private let descriptor: SystemPackage.FileDescriptor
    private let limit: Int
    private(set) var size = 0

    init(_ path: String, limit: Int) throws {
        descriptor = try SystemPackage.FileDescriptor.open(
            FilePath(path), .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: .ownerReadWrite)
        self.limit = limit
    }

    func append(_ bytes: ByteBuffer) throws {
        size += bytes.readableBytes
        guard size <= limit else {
            throw SandboxError(.tooLarge, "A snapshot of the workspace has more than \(limit >> 20) MiB.")
        }
        _ = try bytes.readableBytesView.withUnsafeBytes { try descriptor.writeAll($0) }
    }

    func restart() throws {
        size = 0
        try descriptor.resize(to: 0)
        try descriptor.seek(offset: 0, from: .start)
    }

    /// Closes the file when all of it is on disk.
    func finish() throws {
        guard fsync(descriptor.rawValue) == 0 else {
            throw SandboxError(.failed, "A snapshot cannot be written to disk (\(String(cString: strerror(errno)))).")
        }
        try descriptor.close()
    }
}
