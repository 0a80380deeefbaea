public import Sandboxes

/// The clone that an agent works in, inside its sandbox.
///
/// All git here runs in the sandbox, where the repository's settings, hooks and filters can do no harm beyond it. What
/// it tells is as trustworthy as the sandbox: a patch from it is data to check, never a program to run on the host.
public struct WorkspaceGit: Sendable {
    private let sandbox: any Sandbox
    private let timeout: Duration
    /// The repository's directory, as commands in the sandbox see it.
    public let directory: String

    public init(sandbox: any Sandbox, directory: String, timeout: Duration = .seconds(300)) {
        self.sandbox = sandbox
        self.directory = directory
        self.timeout = timeout
    }

    /// Makes the clone: a new branch at the base commit, with the tags of the mirror and no remote.
    ///
    /// Objects are borrowed from the mirror, as with `git clone --shared`. An earlier directory is replaced.
    ///
    /// - Parameters:
    ///   - mirrorPath: Where the sandbox sees the mirror; see ``Sandbox/provide(repository:)``.
    ///   - base: The commit to start from.
    ///   - branch: The branch to be on.
    public func clone(from mirrorPath: String, base: String, branch: String) async throws {
        // Rather than `git clone`, which would start five programs and needs the mirror to belong to the same user.
        let script = """
            rm -rf -- "$1" && mkdir -p -- "$1" && cd -- "$1" || exit
            git init --quiet --template= --initial-branch="$4" --object-format="$5" . || exit
            printf '%s\\n' "$2/objects" > .git/objects/info/alternates || exit
            [ ! -d "$2/refs/tags" ] || cp -R -- "$2/refs/tags" .git/refs/ || exit
            if [ -f "$2/packed-refs" ]; then
                sed -n '/^#/p; / refs\\/tags\\//p; /^^/p' "$2/packed-refs" > .git/packed-refs
            fi
            printf '[user]\\n\\tname = swe-agent\\n\\temail = swe-agent@localhost\\n[gc]\\n\\tauto = 0\\n' >> .git/config
            git reset --quiet --hard "$3" --
            """
        let format = base.utf8.count == 64 ? "sha256" : "sha1"
        try await run(script, [directory, mirrorPath, base, branch, format], purpose: "The repository was not cloned")
    }

    /// Everything that differs from a commit: what is committed since, changed, and new without being ignored.
    ///
    /// The agent's own index is left as it is.
    ///
    /// - Parameter limit: The most bytes the patch may have.
    /// - Throws: ``GitError`` with kind `.patchTooLarge`, or `.failed` where the repository is gone or broken.
    public func diff(against base: String, limit: Int = 8 << 20) async throws -> WorkspaceDiff {
        let script = """
            cd -- "$1" || exit
            patch=.git/swe-agent.patch
            export GIT_INDEX_FILE=.git/swe-agent.index
            rm -f -- "$patch" "$GIT_INDEX_FILE" "$GIT_INDEX_FILE.lock"
            cp -- .git/index "$GIT_INDEX_FILE" 2>/dev/null || git read-tree "$2" || exit
            git -c advice.addEmbeddedRepo=false add --all --ignore-errors . || echo 'not everything could be added'
            git diff-index --cached --patch --binary --full-index --find-renames --no-color --no-ext-diff --no-textconv \\
                --src-prefix=a/ --dst-prefix=b/ "$2" -- | head -c "$3" > "$patch"
            status=${PIPESTATUS[0]}
            rm -f -- "$GIT_INDEX_FILE"
            [ "$(wc -c < "$patch")" -lt "$3" ] || exit 66
            exit "$status"
            """
        let outcome = try await ShellScript(script, [directory, base, String(limit + 1)])
            .run(in: sandbox, timeout: timeout)
        if outcome.exitCode == 66 {
            throw GitError(
                .patchTooLarge,
                "The change is larger than \(limit) bytes: leave generated files out, for example with .gitignore.")
        }
        try check(outcome, purpose: "The change could not be read from the repository")
        let bytes = try await sandbox.readFile("\(directory)/.git/swe-agent.patch", limit: limit)
        return WorkspaceDiff(
            patch: Patch(bytes),
            notes: outcome.output.split(whereSeparator: \.isNewline).prefix(20).map { String($0.prefix(300)) })
    }

    /// Applies a patch to the work tree and index of a clone that has the patch's base checked out.
    ///
    /// - Throws: ``GitError`` with kind `.invalidPatch`.
    public func apply(_ patch: Patch) async throws {
        guard !patch.isEmpty else { return }
        try await sandbox.writeFile("\(directory)/.git/swe-agent.patch", patch.bytes)
        try await run(
            #"cd -- "$1" && git apply --index --binary --whitespace=nowarn .git/swe-agent.patch"#, [directory],
            kind: .invalidPatch, purpose: "The patch could not be applied")
    }

    /// The files that differ from the last commit, as the lines of `git status --porcelain`.
    public func status() async throws -> [String] {
        let outcome = try await run(
            #"cd -- "$1" && git -c core.quotePath=false status --porcelain --untracked-files=all"#, [directory],
            purpose: "The repository's status could not be read")
        return outcome.output.split(separator: "\n").map(String.init)
    }

    @discardableResult
    private func run(
        _ script: String, _ parameters: [String], kind: GitError.Kind = .failed, purpose: String
    ) async throws -> CommandOutcome {
        let outcome = try await ShellScript(script, parameters).run(in: sandbox, timeout: timeout)
        try check(outcome, kind: kind, purpose: purpose)
        return outcome
    }

    private func check(_ outcome: CommandOutcome, kind: GitError.Kind = .failed, purpose: String) throws {
        guard !outcome.timedOut else { throw GitError(.timeout, "\(purpose): git did not finish within \(timeout).") }
        guard outcome.succeeded else {
            throw GitError(kind, "\(purpose): \(GitError.lastLine(of: outcome.output))")
        }
    }
}

/// What an agent changed.
public struct WorkspaceDiff: Codable, Sendable, Hashable {
    public var patch: Patch
    /// What git said on the way, such as which files it could not add; usually nothing.
    public var notes: [String]

    public init(patch: Patch, notes: [String] = []) {
        self.patch = patch
        self.notes = notes
    }
}
