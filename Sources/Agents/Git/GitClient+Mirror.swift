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
    /// Makes a bare clone of one branch. What an earlier, broken attempt left at the path is replaced; a directory that is
    /// there stays the same one, so that a sandbox may already see it.
    ///
    /// - Parameters:
    ///   - url: The repository.
    ///   - branch: The branch or tag to start from. `nil` takes the repository's default.
    ///   - path: A directory on the host, outside every sandbox, for the mirror alone.
    /// - Throws: ``GitError``, or `CancellationError`.
    public func mirror(_ url: GitURL, branch: String? = nil, into path: String) async throws -> GitMirror {
        if let branch, !BranchName.isValid(branch) {
            throw GitError(.branchNotFound, "The base branch is not a name that git allows.")
        }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
            try FileManager.default.removeItem(atPath: "\(path)/\(name)")
        }
        var arguments = ["clone", "--quiet", "--bare", "--single-branch", "--template="]
        if let branch { arguments.append("--branch=\(branch)") }
        // Over git's protocol a local repository gives what the branch needs, and not the objects of all else it holds;
        // nor are files shared with it by hard links.
        if url.transport == .file { arguments += ["--no-local", "--no-hardlinks"] }

        let clone: HostCommandOutcome
        do {
            let command = arguments + ["--", url.text, path]
            clone = try await limitingSize(of: path) { try await runRemote(command, url: url) }
        } catch {
            try? Self.removeItem(at: path)
            throw error
        }
        guard clone.exitCode == 0 else {
            try? Self.removeItem(at: path)
            throw remoteError(clone, url: url)
        }

        guard let head = Self.head(ofMirror: path) else {
            try? Self.removeItem(at: path)
            throw GitError(
                .emptyRepository,
                "The repository has no commits on its default branch: push one, or name a base branch.")
        }
        return head
    }

    /// Runs a clone, and ends it when its directory takes more than it may. Git itself has no limit for what it fetches.
    private func limitingSize(
        of directory: String, _ clone: @escaping @Sendable () async throws -> HostCommandOutcome
    ) async throws -> HostCommandOutcome {
        guard let cloneLimit else { return try await clone() }
        @Sendable func isTooLarge() async -> Bool { (await DiskUse.bytes(of: [directory]) ?? 0) > cloneLimit }
        let outcome = try await withThrowingTaskGroup(of: HostCommandOutcome?.self) { group in
            group.addTask { try await clone() }
            group.addTask {
                while (try? await Task.sleep(for: .milliseconds(500))) != nil, await !isTooLarge() {}
                return nil
            }
            defer { group.cancelAll() }
            let first = try await group.next() ?? nil
            group.cancelAll()
            // Its processes have ended when it returns.
            while first == nil, await group.nextResult() != nil {}
            try Task.checkCancellation()
            return first
        }
        // One that was quick may have ended before it was looked at.
        if let outcome, outcome.exitCode != 0 { return outcome }
        if let outcome, await !isTooLarge() { return outcome }
        throw GitError(
            .tooLarge,
            "The repository is larger than the \(cloneLimit >> 20) MiB that a clone may take; GIT_CLONE_MB allows more."
        )
    }

    /// What `HEAD` of a mirror that git has just made points at; `nil` where it has no commit. The mirror was made with
    /// `GIT_DEFAULT_REF_FORMAT=files`, whose files are short to read; see gitrepository-layout(5).
    private static func head(ofMirror path: String) -> GitMirror? {
        func contents(_ name: String) -> String? { try? String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }
        func isCommit(_ text: some StringProtocol) -> Bool {
            [40, 64].contains(text.utf8.count) && text.allSatisfy(\.isHexDigit)
        }
        guard let head = contents("HEAD")?.split(separator: "\n").first else { return nil }
        if isCommit(head) { return GitMirror(path: path, base: String(head), branch: nil) }
        guard head.hasPrefix("ref: refs/heads/") else { return nil }
        let reference = head.dropFirst("ref: ".count)
        let branch = String(reference.dropFirst("refs/heads/".count))
        guard BranchName.isValid(branch) else { return nil }
        let loose = contents(String(reference))?.split(separator: "\n").first.map(String.init)
        let packed = contents("packed-refs")?.split(separator: "\n").first { $0.hasSuffix(" \(reference)") }
        guard let base = loose ?? packed.map({ String($0.prefix { $0 != " " }) }), isCommit(base) else { return nil }
        return GitMirror(path: path, base: base, branch: branch)
    }

    private static func removeItem(at path: String) throws {
        if FileManager.default.fileExists(atPath: path) {
            try FileManager.default.removeItem(atPath: path)
        }
    }
}
