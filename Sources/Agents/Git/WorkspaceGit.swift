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
    ///   - patch: A change to apply to the work tree and index.
    /// - Throws: ``GitError``, with kind `.invalidPatch` where the patch cannot be applied.
    public func clone(
        from mirrorPath: String, base: String, branch: String, applying patch: Patch = Patch([])
    ) async throws {
        // Rather than `git clone`, which would start five programs and needs the mirror to belong to the same user. What
        // `git init` would write is short; see gitrepository-layout(5).
        let script = """
            [ ! -e "$1" ] || rm -rf -- "$1" || exit
            folder=${4%/*}
            [ "$folder" != "$4" ] || folder=.
            mkdir -p -- "$1/.git/objects/info" "$1/.git/info" "$1/.git/refs/heads/$folder" && cd -- "$1" || exit
            printf 'ref: refs/heads/%s\\n' "$4" > .git/HEAD
            printf '%s\\n' "$3" > ".git/refs/heads/$4"
            printf '%s\\n' "$2/objects" > .git/objects/info/alternates
            {
                if [ "$5" = sha1 ]; then
                    printf '[core]\\n\\trepositoryformatversion = 0\\n'
                else
                    printf '[extensions]\\n\\tobjectformat = %s\\n[core]\\n\\trepositoryformatversion = 1\\n' "$5"
                fi
                printf '\\tfilemode = true\\n\\tbare = false\\n\\tlogallrefupdates = true\\n'
                printf '[user]\\n\\tname = swe-agent\\n\\temail = swe-agent@localhost\\n[gc]\\n\\tauto = 0\\n'
            } > .git/config || exit
            for tag in "$2"/refs/tags/*; do
                [ ! -e "$tag" ] || cp -R -- "$2/refs/tags" .git/refs/ || exit
                break
            done
            if [ -f "$2/packed-refs" ]; then
                while IFS= read -r line; do
                    case $line in '#'* | *' refs/tags/'* | '^'*) printf '%s\\n' "$line" ;; esac
                done < "$2/packed-refs" > .git/packed-refs
            fi
            git reset --quiet --hard || exit
            [ -z "$6" ] || git apply --index --binary --whitespace=nowarn "$6" || exit 67
            """
        let format = base.utf8.count == 64 ? "sha256" : "sha1"
        let patchFile = patch.isEmpty ? "" : "\(directory).patch"
        if !patch.isEmpty { try await sandbox.writeFile(patchFile, patch.bytes) }
        let outcome = try await ShellScript(script, [directory, mirrorPath, base, branch, format, patchFile])
            .run(in: sandbox, timeout: timeout)
        if outcome.exitCode == 67 {
            try check(outcome, kind: .invalidPatch, purpose: "The patch could not be applied")
        }
        try check(outcome, purpose: "The repository was not cloned")
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
            [ ! -e "$GIT_INDEX_FILE.lock" ] || rm -f -- "$GIT_INDEX_FILE.lock"
            # With its time, by which git knows the files that changed in the second that it was written in.
            cp -p -- .git/index "$GIT_INDEX_FILE" 2>/dev/null || git read-tree "$2" || exit
            git -c advice.addEmbeddedRepo=false add --all --ignore-errors . || echo 'not everything could be added'
            # A patch that grows past the limit, in blocks of 1024 bytes, ends git by SIGXFSZ.
            (
                ulimit -f "$3"
                exec git diff-index --cached --patch --binary --full-index --find-renames --no-color --no-ext-diff \\
                    --no-textconv --src-prefix=a/ --dst-prefix=b/ "$2" --
            ) > "$patch"
            status=$?
            [ "$status" != 153 ] || exit 66
            exit "$status"
            """
        let outcome = try await ShellScript(script, [directory, base, String(limit / 1024 + 1)])
            .run(in: sandbox, timeout: timeout)
        let tooLarge = GitError(
            .patchTooLarge,
            "The change is larger than \(limit) bytes: leave generated files out, for example with .gitignore.")
        if outcome.exitCode == 66 { throw tooLarge }
        try check(outcome, purpose: "The change could not be read from the repository")
        let bytes: [UInt8]
        do {
            bytes = try await sandbox.readFile("\(directory)/.git/swe-agent.patch", limit: limit)
        } catch let error as SandboxError where error.kind == .tooLarge {
            throw tooLarge
        }
        return WorkspaceDiff(
            patch: Patch(bytes),
            notes: outcome.output.split(whereSeparator: \.isNewline).prefix(20).map { String($0.prefix(300)) })
    }

    /// The files that differ from the last commit, as the lines of `git status --porcelain`.
    public func status() async throws -> [String] {
        let script = #"cd -- "$1" && git -c core.quotePath=false status --porcelain --untracked-files=all"#
        let outcome = try await ShellScript(script, [directory]).run(in: sandbox, timeout: timeout)
        try check(outcome, purpose: "The repository's status could not be read")
        return outcome.output.split(separator: "\n").map(String.init)
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
