import Agents
import Foundation
import Sandboxes
import Testing

/// The way of a change: mirror, clone in the sandbox, patch, fresh clone, commit.
@Suite(.timeLimit(.minutes(5)))
struct WorkspaceGitTests {
    private struct Work: Sendable {
        var sandbox: any Sandbox
        var git: WorkspaceGit
        var mirror: GitMirror
        var mirrorPath: String

        func bash(_ script: String) async throws -> CommandOutcome {
            try await sandbox.run(SandboxCommand("cd \"\(git.directory)\" && {\n\(script)\n}"))
        }

        func diff(limit: Int = 1 << 20) async throws -> WorkspaceDiff {
            try await git.diff(against: mirror.base, limit: limit)
        }
    }

    private static func withClone(_ body: @Sendable @escaping (Work) async throws -> Void) async throws {
        try await TaskSandbox.use { sandbox, root in
            let source = try await Git.repository(
                at: root + "/source",
                files: [
                    "a.txt": "one\ntwo\nthree\n", "dir/b.txt": "b\n", "gone.txt": "x\n", ".gitignore": "*.log\n",
                    "crlf.txt": "a\r\nb\r\n", "run.sh": "true\n",
                ])
            try source.write("latin1.txt", [0xE4, 0x0A])
            try await source.commit("Second")
            try await source.git("tag", "v1")
            let mirror = try await GitRemoteTests.client().mirror(
                try GitURL(source.path, allowLocalPaths: true), into: root + "/mirror")
            let mirrorPath = try await sandbox.provide(repository: mirror.path)
            let git = WorkspaceGit(sandbox: sandbox, directory: sandbox.workspace + "/it's repo")
            try await git.clone(from: mirrorPath, base: mirror.base, branch: "swe-agent/1-x")
            try await body(Work(sandbox: sandbox, git: git, mirror: mirror, mirrorPath: mirrorPath))
        }
    }

    @Test func theCloneIsOnItsBranchWithTagsAndWithoutARemote() async throws {
        try await Self.withClone { work in
            let state = try await work.bash(
                "git branch --show-current; git rev-parse HEAD; git remote; git describe --tags; git log --oneline | wc -l"
            )
            #expect(state.output == "swe-agent/1-x\n\(work.mirror.base)\nv1\n2\n")
            #expect(try await work.git.status() == [])
            #expect(try await work.diff().patch.isEmpty)
            // The agent may commit.
            #expect(try await work.bash("git commit --quiet --allow-empty -m x").exitCode == 0)
        }
    }

    /// Git compares whole seconds and sizes: such a change looks like none where the index seems newer.
    @Test func aChangeOfTheSameSizeInTheSameSecondIsSeen() async throws {
        try await Self.withClone { work in
            _ = try await work.bash(
                """
                while :; do
                    printf 'one\nTWO\nthree\n' > a.txt; git add a.txt; second=$(date +%s)
                    printf 'ONE\ntwo\nthree\n' > a.txt
                    [ "$(stat -c %Y .git/index a.txt | sort -u)" != "$second" ] || break
                done
                while [ "$(date +%s)" = "$second" ]; do :; done
                """)
            #expect(try await work.diff().patch.text.contains("\n+ONE\n"))
        }
    }

    @Test func everyKindOfChangeArrivesInTheCommit() async throws {
        try await Self.withClone { work in
            let made = try await work.bash(
                """
                sed -i s/two/2/ a.txt && git commit -qam 'by the agent'
                printf 'four\\n' >> a.txt
                git add a.txt
                rm gone.txt
                mv dir/b.txt 'dir/c "ü".txt'
                printf 'a\\r\\nB\\r\\n' > crlf.txt
                printf '\\xf6\\n' >> latin1.txt
                head -c 1000 /dev/urandom > new.bin
                ln -s a.txt link
                chmod +x run.sh
                printf 'no newline' > plain
                printf ignored > x.log
                mkdir empty
                git status --porcelain > before.log
                """)
            #expect(made.exitCode == 0)
            let diff = try await work.diff()
            #expect(diff.notes == [])
            // The agent's index is as it was.
            let status = try await work.bash("git status --porcelain | diff before.log -")
            #expect(status.output == "")

            let statistics = diff.patch.statistics
            #expect(
                Set(statistics.perFile.map(\.path)) == [
                    "a.txt", "gone.txt", "dir/c \"ü\".txt", "crlf.txt", "latin1.txt", "new.bin", "link", "run.sh",
                    "plain",
                ])
            let commit = try await GitRemoteTests.client().makeCommit(
                mirror: work.mirror.path, base: work.mirror.base, branch: "swe-agent/1-x", patch: diff.patch,
                message: "x")

            let fresh = WorkspaceGit(sandbox: work.sandbox, directory: work.sandbox.workspace + "/review")
            try await fresh.clone(
                from: work.mirrorPath, base: work.mirror.base, branch: "review", applying: diff.patch)
            #expect(try await fresh.diff(against: work.mirror.base).patch == diff.patch)
            let ofCommit = try await Git.run(
                "diff", "--binary", "--full-index", "-M", work.mirror.base, commit, in: work.mirror.path)
            #expect(ofCommit.stdout == diff.patch.bytes)
            let compared = try await work.sandbox.run(
                SandboxCommand(
                    "diff -r --no-dereference -x .git -x '*.log' -x empty review \"it's repo\"",
                    directory: work.sandbox.workspace))
            #expect(compared.output == "")
        }
    }

    @Test func theAgentsSettingsDoNotChangeThePatch() async throws {
        try await Self.withClone { work in
            _ = try await work.bash("echo changed > a.txt; echo new > n.txt")
            let patch = try await work.diff().patch
            let settings = try await work.bash(
                """
                git config diff.noprefix true; git config diff.mnemonicPrefix true; git config color.ui always
                git config diff.external /bin/false; git config diff.context 0; git config core.pager false
                git config diff.x.textconv 'tr a-z A-Z'; git config diff.x.command /bin/false
                echo '*.txt diff=x' > .git/info/attributes
                git() { false; }; export GIT_DIR=/nowhere GIT_INDEX_FILE=/nowhere GIT_EXTERNAL_DIFF=/bin/false
                alias git=false; set -f
                """)
            #expect(settings.exitCode == 0)
            #expect(try await work.diff().patch == patch)
        }
    }

    @Test func largePatchesAreAnErrorThatSaysSo() async throws {
        try await Self.withClone { work in
            _ = try await work.bash("head -c 100000 /dev/urandom > new.bin")
            let error = await #expect(throws: GitError.self) { try await work.diff(limit: 10_000) }
            #expect(error?.kind == .patchTooLarge)
            #expect(error?.message.contains("10000 bytes") == true)
            let size = try await work.diff().patch.bytes.count
            #expect(try await work.diff(limit: size).patch.bytes.count == size)
            await #expect(throws: GitError.self) { try await work.diff(limit: size - 1) }
        }
    }

    @Test func nestedRepositoriesAreNoted() async throws {
        try await Self.withClone { work in
            _ = try await work.bash("git init -q nested && echo x > nested/x && echo new > n.txt")
            let diff = try await work.diff()
            #expect(diff.patch.statistics.perFile.map(\.path) == ["n.txt"])
            #expect(diff.notes.joined().contains("nested"))
        }
    }

    @Test func aRepositoryThatTheAgentDestroyed() async throws {
        try await Self.withClone { work in
            _ = try await work.bash("rm -rf .git")
            let error = await #expect(throws: GitError.self) { try await work.diff() }
            #expect(error?.kind == .failed)
            _ = try await work.sandbox.run(SandboxCommand("cd /; rm -rf '\(work.sandbox.workspace)/it'*"))
            await #expect(throws: GitError.self) { try await work.diff() }
            await #expect(throws: GitError.self) { try await work.git.status() }
            // It is made anew.
            try await work.git.clone(from: work.mirrorPath, base: work.mirror.base, branch: "again")
            #expect(try await work.diff().patch.isEmpty)
        }
    }

    @Test func whatCannotBeClonedOrApplied() async throws {
        try await Self.withClone { work in
            let base = String(repeating: "0", count: 40)
            await #expect(throws: GitError.self) {
                try await work.git.clone(from: work.mirrorPath, base: base, branch: "x")
            }
            let error = await #expect(throws: GitError.self) {
                try await work.git.clone(
                    from: work.mirrorPath, base: work.mirror.base, branch: "x", applying: Patch("no patch\n"))
            }
            #expect(error?.kind == .invalidPatch)
            try await work.git.clone(from: work.mirrorPath, base: work.mirror.base, branch: "x", applying: Patch(""))
            #expect(try await work.git.status() == [])
        }
    }
}
