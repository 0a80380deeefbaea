import Sandboxes

/// How a push ended.
public enum PushOutcome: Codable, Sendable, Hashable {
    /// The remote has the branch now.
    case pushed
    /// The remote had it already.
    case upToDate
    /// The remote keeps another commit under the name, or its rules refuse this one.
    case rejected(String)
    /// The login is missing or may not push.
    case unauthorized(String)
    /// The remote does not answer, or is no repository.
    case unreachable(String)
}

extension GitClient {
    /// Pushes a branch of a mirror, never by force. It may be repeated: a branch that arrived is ``PushOutcome/upToDate``.
    ///
    /// - Throws: `CancellationError`, or ``GitError`` where git itself is missing. What the remote does is an outcome.
    public func push(mirror: String, to url: GitURL, branch: String) async throws -> PushOutcome {
        guard BranchName.isValid(branch) else {
            throw GitError(.failed, "The branch's name is not one that git allows.")
        }
        let outcome: HostCommandOutcome
        do {
            outcome = try await runRemote(
                ["push", "--porcelain"] + Self.receivePack(of: url)
                    + ["--", url.text, "refs/heads/\(branch):refs/heads/\(branch)"],
                url: url, repository: mirror)
        } catch let error as GitError where error.kind == .timeout {
            return .unreachable(error.message)
        }
        // One line a ref: flag, tab, refs, tab, summary; see git-push(1), "Output".
        let status = text(outcome.stdout).split(separator: "\n").first { $0.contains("\trefs/heads/") }
        switch (status?.first, outcome.exitCode) {
        case ("=", 0): return .upToDate
        case (.some, 0): return .pushed
        case ("!", _):
            let summary = status?.split(separator: "\t").last.map(String.init) ?? ""
            return .rejected(Self.reason(summary: summary, remoteSays: text(outcome.stderr)))
        default:
            let error = remoteError(outcome, url: url)
            return switch error.kind {
            case .unauthorized: .unauthorized(error.message)
            case .unreachable, .notFound: .unreachable(error.message)
            default: .rejected(error.message)
            }
        }
    }

    /// A push into a repository of this machine does not wait for its housekeeping.
    private static func receivePack(of url: GitURL) -> [String] {
        url.transport == .file ? ["--receive-pack=git -c receive.autogc=false receive-pack"] : []
    }

    /// The commit that a remote has under a branch's name, to settle whether a push that was cut off arrived.
    ///
    /// - Returns: `nil` where the remote has no such branch.
    /// - Throws: ``GitError``.
    public func remoteBranch(_ branch: String, of url: GitURL) async throws -> String? {
        guard BranchName.isValid(branch) else { return nil }
        let outcome = try await runRemote(["ls-remote", "--", url.text, "refs/heads/\(branch)"], url: url)
        guard outcome.exitCode == 0 else { throw remoteError(outcome, url: url) }
        // The name is a pattern to git, which also matches the end of longer names.
        let line = text(outcome.stdout).split(separator: "\n").first { $0.hasSuffix("\trefs/heads/\(branch)") }
        return line.map { String($0.prefix { $0 != "\t" }) }
    }

    /// Git's summary and what the remote's hooks said, as one sentence of at most some hundred characters.
    private static func reason(summary: String, remoteSays text: String) -> String {
        let remote = text.split(separator: "\n")
            .filter { $0.hasPrefix("remote:") }
            .map { $0.dropFirst("remote:".count).trimmingPrefix { $0 == " " } }
            .filter { !$0.allSatisfy(\.isWhitespace) }
        let words = remote.joined(separator: " ").prefix(500)
        return "The remote refused the branch: \(summary)" + (words.isEmpty ? "." : ": \(words)")
    }
}
