import Foundation
import Sandboxes

/// A real local sandbox with a repository in it.
enum TaskSandbox {
    /// Makes a sandbox, for as long as `body` runs.
    static func use<Result: Sendable>(
        _ body: @Sendable (_ sandbox: any Sandbox, _ root: String) async throws -> Result
    ) async throws -> Result {
        // Not below /tmp, which every sandbox has of its own.
        let root = FileManager.default.currentDirectoryPath + "/.build/test-agents/\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: root) }
        let provider = try await LocalSandboxProvider(
            root: root + "/workspaces", hostEnvironment: ProcessInfo.processInfo.environment)
        return try await provider.withSandbox(id: "task") { try await body($0, root) }
    }

    /// A sandbox whose directory `repo` holds the files, without git.
    static func holding<Result: Sendable>(
        _ files: [String: String],
        _ body: @Sendable (_ sandbox: any Sandbox, _ directory: String) async throws -> Result
    ) async throws -> Result {
        try await use { sandbox, _ in
            let directory = sandbox.workspace + "/repo"
            _ = try await sandbox.run(SandboxCommand("mkdir -p '\(directory)'"))
            for (name, contents) in files { try await sandbox.writeFile("\(directory)/\(name)", Array(contents.utf8)) }
            return try await body(sandbox, directory)
        }
    }
}
