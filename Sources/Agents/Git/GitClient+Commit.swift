import Foundation
import Sandboxes

extension GitClient {
    /// Makes a commit of a patch, and a branch that points at it, in a mirror.
    ///
    /// No file of the repository is ever written: the patch is applied to an index of its own, and git refuses names
    /// that leave the tree or lie in `.git`. The mirror has no other writer, so a lock that is there was left by a crash.
    ///
    /// - Returns: The commit.
    /// - Throws: ``GitError`` with kind `.invalidPatch` where the patch cannot be applied to `base`.
    public func makeCommit(
        mirror: String, base: String, branch: String, patch: Patch, message: String
    ) async throws -> String {
        guard BranchName.isValid(branch) else {
            throw GitError(.failed, "The branch's name is not one that git allows.")
        }
        guard !patch.isEmpty else { throw GitError(.invalidPatch, "The patch is empty: there is nothing to commit.") }

        let index = "\(mirror)/\(UUID().uuidString).index"
        defer { try? FileManager.default.removeItem(atPath: index) }
        let script = """
            "$0" read-tree "$1" </dev/null || exit 3
            "$0" apply --cached --binary --whitespace=nowarn - || exit 4
            tree=$("$0" write-tree) &&
            commit=$(printf '%s\\n' "$3" | "$0" commit-tree "$tree" -p "$1" -F -) &&
            rm -f -- "refs/heads/$2.lock" &&
            "$0" update-ref "refs/heads/$2" "$commit" && printf '%s' "$commit"
            """
        let outcome = try await runLocal(
            script, [base, branch, Self.messageArgument(message)],
            repository: mirror, environment: ["GIT_INDEX_FILE": index], input: patch.bytes)
        switch outcome.exitCode {
        case 0: return text(outcome.stdout)
        case 4:
            throw GitError(
                .invalidPatch, "The patch cannot be applied: \(GitError.lastLine(of: text(outcome.stderr)))")
        default:
            throw GitError(
                .failed, "The commit could not be made: \(GitError.lastLine(of: text(outcome.stderr)))")
        }
    }

    /// The commit that a branch of a mirror points at, to settle whether a commit that was cut off had been made.
    ///
    /// - Returns: `nil` where the mirror has no such branch.
    public func branchTip(_ branch: String, mirror: String) async throws -> String? {
        guard BranchName.isValid(branch) else { return nil }
        let outcome = try await runLocal(
            #""$0" rev-parse --verify --quiet "refs/heads/$1""#, [branch],
            repository: mirror, environment: [:], input: [])
        return outcome.exitCode == 0 ? text(outcome.stdout).split(separator: "\n").first.map(String.init) : nil
    }

    /// A message as an argument can carry it: without NUL, and below the system's limit of 128 KiB an argument.
    private static func messageArgument(_ message: String) -> String {
        String(decoding: message.utf8.prefix(64 * 1024).filter { $0 != 0 }, as: UTF8.self)
    }
}
