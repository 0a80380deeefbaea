internal import Foundation

/// Files go through the shell, so that links lead where they lead in the sandbox and never to files of the host.
extension ShellSandbox {
    /// Ample for what an agent reads or writes; it ends the waiting for a file system that hangs.
    private var timeout: Duration { .seconds(60) }

    func readFile(_ path: String, limit: Int) async throws -> [UInt8] {
        try check(path)
        let (reply, _) = try await talk(
            .readFile(absolute(path), count: max(limit, 0) + 1), timeout: timeout)
        let bytes = reply.output.bytes
        try check(reply, path: path)
        if bytes.count > limit { throw SandboxError(.tooLarge, "\(path) has more than \(limit) bytes.") }
        return bytes
    }

    func writeFile(_ path: String, _ contents: [UInt8]) async throws {
        try await writeFileThroughShell(path, contents)
    }

    func writeFileThroughShell(_ path: String, _ contents: [UInt8]) async throws {
        try check(path)
        let directory = (absolute(path) as NSString).deletingLastPathComponent
        let (reply, _) = try await talk(
            .writeFile(absolute(path), directory: directory, contents), timeout: timeout)
        try check(reply, path: path)
    }

    func check(_ path: String) throws {
        if path.isEmpty || path.utf8.contains(0) {
            throw SandboxError(.notFound, "\(path.debugDescription) is no path of a file.")
        }
    }

    private func check(_ reply: ShellReply, path: String) throws {
        switch reply.answer {
        case .ok: break
        case .missing: throw SandboxError(.notFound, "There is no file \(path).")
        case .directory: throw SandboxError(.isDirectory, "\(path) is a directory.")
        case .special: throw SandboxError(.failed, "\(path) is neither a file nor a directory.")
        case .failed, .begin: throw SandboxError(.failed, "\(path): \(reply.output.text.suffix(500))")
        case nil: throw SandboxError(.failed, "The sandbox ended while \(path) was read or written.")
        }
    }
}
