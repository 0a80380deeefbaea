import Foundation
import Sandboxes

/// A bare copy of one branch of a repository, on the host.
public struct GitMirror: Codable, Sendable, Hashable {
    /// Where it is on the host.
    public var path: String
    /// The commit that the work starts from.
    public var base: String
    /// The branch of ``base``; `nil` where a tag was asked for, or a local repository has no branch checked out.
    public var branch: String?

    public init(path: String, base: String, branch: String?) {
        self.path = path
        self.base = base
        self.branch = branch
    }
}

extension GitClient {
    /// Makes a bare clone of one branch. What an earlier, broken attempt left at the path is replaced.
    ///
    /// - Parameters:
    ///   - url: The repository.
    ///   - branch: The branch or tag to start from. `nil` takes the repository's default.
    ///   - path: A directory on the host, outside every sandbox, that is made for the mirror alone.
    /// - Throws: ``GitError``, or `CancellationError`.
    public func mirror(_ url: GitURL, branch: String? = nil, into path: String) async throws -> GitMirror {
        if let branch, !BranchName.isValid(branch) {
            throw GitError(.branchNotFound, "The base branch is not a name that git allows.")
        }
        try Self.removeItem(at: path)
        var arguments = ["clone", "--quiet", "--bare", "--single-branch", "--template="]
        if let branch { arguments.append("--branch=\(branch)") }
        // Over git's protocol a local repository gives what the branch needs, and not the objects of all else it holds;
        // nor are files shared with it by hard links.
        if url.transport == .file { arguments += ["--no-local", "--no-hardlinks"] }

        let clone: HostCommandOutcome
        do {
            clone = try await runRemote(arguments + ["--", url.text, path], url: url)
        } catch {
            try? Self.removeItem(at: path)
            throw error
        }
        guard clone.exitCode == 0 else {
            try? Self.removeItem(at: path)
            throw remoteError(clone, url: url)
        }

        let head = try await runLocal(
            #""$0" rev-parse HEAD --symbolic-full-name HEAD"#, [],
            repository: path, environment: [:], input: [])
        let lines = text(head.stdout).split(separator: "\n").map(String.init)
        guard head.exitCode == 0, lines.count == 2 else {
            try? Self.removeItem(at: path)
            throw GitError(
                .emptyRepository,
                "The repository has no commits on its default branch: push one, or name a base branch.")
        }
        let prefix = "refs/heads/"
        return GitMirror(
            path: path,
            base: lines[0],
            branch: lines[1].hasPrefix(prefix) ? String(lines[1].dropFirst(prefix.count)) : nil)
    }

    private static func removeItem(at path: String) throws {
        if FileManager.default.fileExists(atPath: path) {
            try FileManager.default.removeItem(atPath: path)
        }
    }
}
