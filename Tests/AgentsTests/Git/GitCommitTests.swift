import Agents
import Foundation
import Sandboxes
import Testing

/// Commits made of patches that someone hostile may have written.
@Suite(.timeLimit(.minutes(5)))
struct GitCommitTests {
    private func withMirror(_ body: (GitClient, GitMirror) async throws -> Void) async throws {
        try await Git.inTemporaryDirectory { root in
            let source = try await Git.repository(at: root + "/source", files: ["a.txt": "a\n", "dir/b.txt": "b\n"])
            try FileManager.default.createSymbolicLink(
                atPath: source.path + "/link", withDestinationPath: "/tmp")
            try await source.commit("A link")
            let git = GitRemoteTests.client()
            let mirror = try await git.mirror(
                try GitURL(source.path, allowLocalPaths: true), into: root + "/mirror")
            try await body(git, mirror)
        }
    }

    private func adding(_ path: String, mode: String = "100644") -> String {
        """
        diff --git a/\(path) b/\(path)
        new file mode \(mode)
        --- /dev/null
        +++ b/\(path)
        @@ -0,0 +1 @@
        +x

        """
    }

    @Test(arguments: [
        ".git/hooks/post-checkout", ".GIT/config", "sub/.git/config", "../outside", "a/../../outside", "/etc/outside",
        "link/through", ".git", "git~1/config",
    ])
    func pathsThatAreRefused(_ path: String) async throws {
        try await withMirror { git, mirror in
            let error = await #expect(throws: GitError.self) {
                _ = try await git.makeCommit(
                    mirror: mirror.path, base: mirror.base, branch: "topic", patch: Patch(adding(path)), message: "x")
            }
            #expect(error?.kind == .invalidPatch)
            let branch = try await Git.run("rev-parse", "--verify", "topic", in: mirror.path)
            #expect(branch.exitCode != 0)
        }
    }

    @Test(arguments: [
        "", "\n", "not a patch\n", "diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-z\n+y\n",
        "diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-a\n",
        "diff --git a/n.bin b/n.bin\nnew file mode 100644\nindex 0000000..1111111\nGIT binary patch\nliteral 9\nQc$!\n\n",
    ])
    func patchesThatAreRefused(_ text: String) async throws {
        try await withMirror { git, mirror in
            let error = await #expect(throws: GitError.self) {
                _ = try await git.makeCommit(
                    mirror: mirror.path, base: mirror.base, branch: "topic", patch: Patch(text), message: "x")
            }
            #expect(error?.kind == .invalidPatch)
        }
    }

    @Test func contentsArriveByteForByte() async throws {
        try await withMirror { git, mirror in
            var patch = Array(
                """
                diff --git a/latin1.txt b/latin1.txt
                new file mode 100644
                --- /dev/null
                +++ b/latin1.txt
                @@ -0,0 +1,2 @@
                +trailing space \u{20}

                """.utf8)
            patch += [UInt8(ascii: "+"), 0xE4, 0xF6, 0x0D, 0x0A]
            let commit = try await git.makeCommit(
                mirror: mirror.path, base: mirror.base, branch: "topic", patch: Patch(patch), message: "x")
            let contents = try await Git.run("show", "\(commit):latin1.txt", in: mirror.path).stdout
            #expect(contents == Array("trailing space  \n".utf8) + [0xE4, 0xF6, 0x0D, 0x0A])
        }
    }

    @Test func messagesAreOnlyText() async throws {
        try await withMirror { git, mirror in
            let message = "-F /etc/passwd\n# not a comment\n$(touch /tmp/x) `x` \"q\" 'q'\0 %s \\n"
            let commit = try await git.makeCommit(
                mirror: mirror.path, base: mirror.base, branch: "topic", patch: Patch(adding("n")), message: message)
            let shown = try await Git.run("show", "--no-patch", "--format=%B", commit, in: mirror.path).output
            #expect(shown.hasPrefix(message.replacing("\0", with: "")))
            for hostile in ["", String(repeating: "long ", count: 100_000)] {
                _ = try await git.makeCommit(
                    mirror: mirror.path, base: mirror.base, branch: "topic", patch: Patch(adding("n")),
                    message: hostile)
            }
        }
    }

    @Test func hooksInTheMirrorDoNotRun() async throws {
        try await withMirror { git, mirror in
            let canary = mirror.path + "/ran"
            for name in ["reference-transaction", "post-commit", "pre-push"] {
                let hook = mirror.path + "/hooks/" + name
                try FileManager.default.createDirectory(
                    atPath: mirror.path + "/hooks", withIntermediateDirectories: true)
                try Data("#!/bin/sh\ntouch '\(canary)'\n".utf8).write(to: URL(filePath: hook))
                try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: hook)
            }
            _ = try await git.makeCommit(
                mirror: mirror.path, base: mirror.base, branch: "topic", patch: Patch(adding("n")), message: "x")
            #expect(!FileManager.default.fileExists(atPath: canary))
        }
    }

    @Test(arguments: ["-x", "a..b", "a b", ""])
    func branchNamesThatAreRefused(_ name: String) async throws {
        try await withMirror { git, mirror in
            await #expect(throws: GitError.self) {
                _ = try await git.makeCommit(
                    mirror: mirror.path, base: mirror.base, branch: name, patch: Patch(adding("n")), message: "x")
            }
            await #expect(throws: GitError.self) {
                try await git.push(
                    mirror: mirror.path, to: try GitURL(mirror.path, allowLocalPaths: true), branch: name)
            }
        }
    }
}
