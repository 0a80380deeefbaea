internal import Foundation
internal import SystemPackage

/// What the shell of a sandbox noted down of its commands, readable after a crash of this process.
///
/// The shell appends a record when a command ends, before it reports the end: one write to a file that it got open and
/// that no program that it starts inherits. A record is the record separator, the command's id, a unit
/// separator, the exit code, a unit separator, the working directory and a zero byte.
struct CommandRecords: Sendable {
    /// How a command ended.
    enum Ending: Sendable, Equatable {
        case exited(Int)
        /// It was killed at its timeout.
        case timedOut
    }

    private(set) var endings: [String: Ending] = [:]
    /// The working directory at the end of the last command.
    private(set) var directory: String?

    /// Ample for all commands of a task. A script that the shell itself runs can write to the file whatever it likes.
    private static let limit: UInt64 = 4 << 20

    /// Reads the records at the end of a file; one that is missing has none.
    init(file: String) {
        var contents: Data?
        if let handle = FileHandle(forReadingAtPath: file), let size = try? handle.seekToEnd() {
            try? handle.seek(toOffset: size > Self.limit ? size - Self.limit : 0)
            contents = try? handle.readToEnd()
        }
        self.init(bytes: Array(contents ?? Data()))
    }

    /// Reads the contents of such a file.
    init(bytes: [UInt8]) {
        for record in bytes.split(separator: 0) {
            // What stands before the separator would be the remains of a write that a crash of the host cut.
            guard let start = record.firstIndex(of: ShellScript.recordSeparator) else { continue }
            let fields = record[record.index(after: start)...]
                .split(separator: ShellScript.unitSeparator, maxSplits: 2, omittingEmptySubsequences: false)
                .map { String(decoding: $0, as: UTF8.self) }
            guard fields.count == 3 else { continue }
            if !fields[0].isEmpty { endings[fields[0]] = Int(fields[1]).map(Ending.exited) ?? .timedOut }
            directory = fields[2]
        }
    }

    /// Appends the record of a command whose shell could not write it, because it ended with the command.
    ///
    /// - Throws: ``SandboxError`` where the file cannot be written.
    static func append(to path: String, id: String, ending: Ending, directory: String) throws {
        do {
            let file = try FileDescriptor.open(
                path, .writeOnly, options: [.append, .create, .closeOnExec], permissions: .ownerReadWrite)
            try file.closeAfter { _ = try file.writeAll(record(id: id, ending: ending, directory: directory)) }
        } catch {
            throw SandboxError(.failed, "The outcome of a command cannot be written to \(path): \(error)")
        }
    }

    /// The bytes of one record.
    static func record(id: String, ending: Ending, directory: String) -> [UInt8] {
        let code = if case .exited(let code) = ending { String(code) } else { "" }
        return Array("\u{1e}\(id)\u{1f}\(code)\u{1f}\(directory)\0".utf8)
    }
}
