import Agents
import Foundation
import Sandboxes
import TestSupport
import Testing

/// Clones and pushes against real repositories, over HTTP with a login, and on disk.
@Suite(.timeLimit(.minutes(5)))
struct GitRemoteTests {
    static let token = "canary-7d1f-token"
    static let login = (username: "x-access-token", password: token)
    static let identity = GitClient.Identity(name: "Ada Lovelace", email: "ada@example.com")

    static func client(
        _ executable: String = "git", token: String? = token, hosts: Set<String>? = nil,
        remoteHosts: RemoteHosts = .all, cloneLimit: Int? = nil, timeout: Duration = .seconds(120),
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> GitClient {
        GitClient(
            executable: executable, identity: identity,
            credential: token.flatMap { GitCredential(token: $0, hosts: hosts) },
            remoteHosts: remoteHosts, cloneLimit: cloneLimit,
            networkTimeout: timeout, environment: environment)
    }

    /// A repository with branches `main` and `other`, its bare remote, and the remote's server.
    static func withRemote(
        behaviour: GitHTTPServer.Behaviour = .init(login: login),
        _ body: @Sendable @escaping (Remote) async throws -> Void
    ) async throws {
        try await Git.inTemporaryDirectory { root in
            let source = try await Git.repository(
                at: root + "/source", files: ["README.md": "Hello\n", "a.txt": "a\n"])
            let base = try await source.head()
            try await source.git("checkout", "--quiet", "-b", "other")
            try source.write("other.txt", "on the other branch\n")
            let other = try await source.commit("On the other branch")
            try await source.git("checkout", "--quiet", "main")
            try await Git.bareRemote(of: source, at: root + "/remotes/r.git")
            try await GitHTTPServer.serving(root + "/remotes", behaviour: behaviour) { server in
                try await body(
                    Remote(
                        url: try GitURL(server.origin + "/r.git"), path: root + "/remotes/r.git", base: base,
                        other: other, root: root, server: server))
            }
        }
    }

    struct Remote: Sendable {
        var url: GitURL
        var path: String
        var base: String
        var other: String
        var root: String
        var server: GitHTTPServer
    }

    static let patch = Patch(
        """
        diff --git a/a.txt b/a.txt
        --- a/a.txt
        +++ b/a.txt
        @@ -1 +1,2 @@
         a
        +b
        diff --git a/new/b.txt b/new/b.txt
        new file mode 100755
        --- /dev/null
        +++ b/new/b.txt
        @@ -0,0 +1 @@
        +new

        """)

    @Test func mirrorsCommitsAndPushesOverHTTP() async throws {
        try await Self.withRemote { remote in
            let git = Self.client()
            let mirror = try await git.mirror(remote.url, into: remote.root + "/mirror")
            #expect(mirror == GitMirror(path: remote.root + "/mirror", base: remote.base, branch: "main"))
            // Only the one branch is there.
            #expect(try await Git.run("cat-file", "-e", remote.other, in: mirror.path).exitCode != 0)

            let branch = "swe-agent/1-b"
            #expect(try await git.remoteBranch(branch, of: remote.url) == nil)
            let commit = try await git.makeCommit(
                mirror: mirror.path, base: mirror.base, branch: branch, patch: Self.patch,
                message: "Add b\n\nBecause 'a' was $alone.")
            #expect(try await git.push(mirror: mirror.path, to: remote.url, branch: branch) == .pushed)
            #expect(try await git.push(mirror: mirror.path, to: remote.url, branch: branch) == .upToDate)
            #expect(try await git.remoteBranch(branch, of: remote.url) == commit)

            let shown = try await Git.run(
                "show", "--format=%an <%ae>|%cn <%ce>|%P|%B", "--name-status", commit, in: remote.path)
            #expect(
                shown.output.hasPrefix(
                    "Ada Lovelace <ada@example.com>|Ada Lovelace <ada@example.com>|\(remote.base)|Add b\n"))
            #expect(shown.output.contains("Because 'a' was $alone."))
            #expect(shown.output.contains("M\ta.txt\nA\tnew/b.txt"))
            #expect(try await Git.run("show", "\(commit):a.txt", in: remote.path).output == "a\nb\n")
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: mirror.path).allSatisfy { !$0.contains("index") })
        }
    }

    @Test func namedBranchesAndTags() async throws {
        try await Self.withRemote { remote in
            try await Git.run("tag", "v1", remote.other, in: remote.path)
            let git = Self.client()
            let path = remote.root + "/mirror"
            let other = try await git.mirror(remote.url, branch: "other", into: path)
            #expect(other == GitMirror(path: path, base: remote.other, branch: "other"))
            // A second attempt replaces the first.
            let tag = try await git.mirror(remote.url, branch: "v1", into: path)
            #expect(tag == GitMirror(path: path, base: remote.other, branch: nil))
            for name in ["missing", "--upload-pack=x", "a b"] {
                let error = await #expect(throws: GitError.self) {
                    try await git.mirror(remote.url, branch: name, into: path)
                }
                #expect(error?.kind == .branchNotFound)
            }
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func localRepositories() async throws {
        try await Git.inTemporaryDirectory { root in
            let source = try await Git.repository(at: root + "/my source", files: ["a.txt": "a\n"])
            let url = try GitURL(source.path, allowLocalPaths: true)
            let git = Self.client()
            let mirror = try await git.mirror(url, into: root + "/mirror")
            #expect(mirror.branch == "main")
            let head = try await source.head()
            #expect(mirror.base == head)
            _ = try await git.makeCommit(
                mirror: mirror.path, base: mirror.base, branch: "swe-agent/1", patch: Self.patch, message: "x")
            #expect(try await git.push(mirror: mirror.path, to: url, branch: "swe-agent/1") == .pushed)
            #expect(try await source.git("show", "swe-agent/1:new/b.txt") == "new\n")
            #expect(try await source.git("status", "--porcelain") == "")

            try await source.git("checkout", "--quiet", "--detach")
            let tip = try await source.commit("On no branch")
            let detached = try await git.mirror(url, into: root + "/mirror")
            #expect(detached == GitMirror(path: root + "/mirror", base: tip, branch: nil))
        }
    }

    @Test func pushesThatARemoteRefuses() async throws {
        try await Self.withRemote { remote in
            let git = Self.client()
            let mirror = try await git.mirror(remote.url, into: remote.root + "/mirror")
            _ = try await git.makeCommit(
                mirror: mirror.path, base: mirror.base, branch: "topic", patch: Self.patch, message: "x")

            let hook = remote.path + "/hooks/pre-receive"
            try FileManager.default.createDirectory(
                atPath: remote.path + "/hooks", withIntermediateDirectories: true)
            try Data("#!/bin/sh\necho 'policy 42: no robots' >&2\nexit 1\n".utf8).write(to: URL(filePath: hook))
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: hook)
            guard case .rejected(let reason) = try await git.push(mirror: mirror.path, to: remote.url, branch: "topic")
            else {
                Issue.record("The hook refuses the push.")
                return
            }
            #expect(reason.contains("pre-receive hook declined"))
            #expect(reason.contains("policy 42: no robots"))
            #expect(try await git.remoteBranch("topic", of: remote.url) == nil)

            try FileManager.default.removeItem(atPath: hook)
            #expect(try await git.push(mirror: mirror.path, to: remote.url, branch: "topic") == .pushed)
            // Another commit under the same name is never forced over the first.
            _ = try await git.makeCommit(
                mirror: mirror.path, base: mirror.base, branch: "topic", patch: Self.patch, message: "other")
            guard case .rejected(let reason) = try await git.push(mirror: mirror.path, to: remote.url, branch: "topic")
            else {
                Issue.record("The push is no fast-forward.")
                return
            }
            #expect(
                reason.contains("[rejected]") || reason.contains("fetch first") || reason.contains("non-fast-forward"))
        }
    }

    @Test func loginsThatFail() async throws {
        try await Self.withRemote { remote in
            let mirror = try await Self.client().mirror(remote.url, into: remote.root + "/mirror")
            for (token, advice) in [("wrong", "was not accepted"), (nil, "set GIT_TOKEN")] as [(String?, String)] {
                let git = Self.client(token: token)
                let error = await #expect(throws: GitError.self) {
                    try await git.mirror(remote.url, into: remote.root + "/other")
                }
                #expect(error?.kind == .unauthorized)
                #expect(error?.message.contains(advice) == true)
                guard
                    case .unauthorized(let reason) = try await git.push(
                        mirror: mirror.path, to: remote.url, branch: "main")
                else {
                    Issue.record("The push has no valid login.")
                    continue
                }
                #expect(reason.contains(advice))
            }
        }
    }

    @Test func remotesThatAreNotThere() async throws {
        try await Self.withRemote { remote in
            let git = Self.client()
            let path = remote.root + "/mirror"
            func kind(_ url: GitURL) async -> GitError.Kind? {
                await #expect(throws: GitError.self) { try await git.mirror(url, into: path) }?.kind
            }
            #expect(await kind(try GitURL(remote.server.origin + "/missing.git")) == .notFound)
            #expect(await kind(try GitURL(remote.root + "/missing", allowLocalPaths: true)) == .notFound)
            #expect(await kind(try GitURL(remote.root, allowLocalPaths: true)) == .notFound)
            #expect(await kind(try GitURL("http://127.0.0.1:1/a")) == .unreachable)
            #expect(await kind(try GitURL("https://does-not-exist.invalid/a")) == .unreachable)
            try await Git.run("init", "--quiet", "--bare", remote.root + "/remotes/empty.git")
            #expect(await kind(try GitURL(remote.server.origin + "/empty.git")) == .emptyRepository)

            let mirror = try await git.mirror(remote.url, into: path)
            for url in ["http://127.0.0.1:1/a", remote.server.origin + "/missing.git"] {
                guard case .unreachable = try await git.push(mirror: mirror.path, to: try GitURL(url), branch: "main")
                else {
                    Issue.record("There is nothing to push to at \(url).")
                    continue
                }
            }
            await #expect(throws: GitError.self) {
                try await git.remoteBranch("main", of: try GitURL("http://127.0.0.1:1/a"))
            }
        }
    }

    @Test func serversThatMisbehave() async throws {
        for (status, kind) in [(404, GitError.Kind.notFound), (403, .unauthorized), (500, .unreachable)] {
            try await Self.withRemote(behaviour: .init(login: Self.login, status: status)) { remote in
                let error = await #expect(throws: GitError.self) {
                    try await Self.client().mirror(remote.url, into: remote.root + "/mirror")
                }
                #expect(error?.kind == kind)
                #expect(error?.message.contains(Self.token) == false)
            }
        }
        try await Self.withRemote(behaviour: .init(hangs: true)) { remote in
            let git = Self.client(timeout: .seconds(1))
            let error = await #expect(throws: GitError.self) {
                try await git.mirror(remote.url, into: remote.root + "/mirror")
            }
            #expect(error?.kind == .timeout)
            #expect(!FileManager.default.fileExists(atPath: remote.root + "/mirror"))
        }
    }

    /// Both what is there at once and what comes for longer than anybody waits for.
    @Test func aRepositoryThatIsTooLargeIsNotKept() async throws {
        try await Git.inTemporaryDirectory { root in
            let source = try await Git.repository(at: root + "/source", files: ["a.txt": "a\n"])
            try Data((0..<(4 << 20)).map { _ in UInt8.random(in: 0...255) }).write(
                to: URL(filePath: source.path + "/large"))
            _ = try await source.commit("Add what does not compress")
            let url = try GitURL(source.path, allowLocalPaths: true)
            let path = root + "/mirror"
            for limit in [1 << 20, 3 << 20] {
                let error = await #expect(throws: GitError.self) {
                    try await Self.client(cloneLimit: limit).mirror(url, into: path)
                }
                #expect(error?.kind == .tooLarge)
                #expect(error?.message.contains("\(limit >> 20) MiB") == true)
                #expect(error?.message.contains("GIT_CLONE_MB") == true)
                #expect(!FileManager.default.fileExists(atPath: path))
            }
            #expect(try await Self.client(cloneLimit: 16 << 20).mirror(url, into: path).branch == "main")
            // Not a git that ever ends.
            let endless = root + "/git"
            let script = """
                #!/bin/sh
                for path; do :; done
                mkdir -p "$path"
                exec sh -c 'while :; do head -c 100000 /dev/zero >>"$0/pack"; done' "$path"
                """
            try Data(script.utf8).write(to: URL(filePath: endless))
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: endless)
            let error = await #expect(throws: GitError.self) {
                try await Self.client(endless, token: nil, cloneLimit: 2 << 20).mirror(url, into: path)
            }
            #expect(error?.kind == .tooLarge)
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func gitHasSoMuchMemoryOnly() async throws {
        try await Git.inTemporaryDirectory { root in
            let script = "#!/bin/sh\necho \"fatal: $(ulimit -d) KiB\" >&2\nexit 1\n"
            try Data(script.utf8).write(to: URL(filePath: root + "/git"))
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: root + "/git")
            for token in [nil, Self.token] {
                let error = await #expect(throws: GitError.self) {
                    try await Self.client(root + "/git", token: token)
                        .mirror(try GitURL("http://127.0.0.1:1/a"), into: root + "/mirror")
                }
                #expect(error?.message.contains("4194304 KiB") == true, "\(error?.message ?? "")")
            }
        }
    }

    @Test func theUsersSettingsAreNotRead() async throws {
        try await Self.withRemote { remote in
            let home = remote.root + "/home"
            try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
            let settings = "[url \"http://127.0.0.1:1/\"]\n\tinsteadOf = \(remote.server.origin)/\n"
            try Data(settings.utf8).write(to: URL(filePath: home + "/.gitconfig"))
            var environment = ProcessInfo.processInfo.environment
            environment["HOME"] = home
            environment["GIT_CONFIG_COUNT"] = "1"
            environment["GIT_CONFIG_KEY_0"] = "url.http://127.0.0.1:1/.insteadOf"
            environment["GIT_CONFIG_VALUE_0"] = remote.server.origin + "/"
            environment["GIT_DIR"] = "/nowhere"
            let mirror = try await Self.client(environment: environment)
                .mirror(remote.url, into: remote.root + "/mirror")
            #expect(mirror.base == remote.base)
        }
    }

    @Test func gitThatIsMissing() async throws {
        try await Git.inTemporaryDirectory { root in
            let error = await #expect(throws: GitError.self) {
                try await Self.client("git-is-not-here")
                    .mirror(try GitURL("http://127.0.0.1:1/a"), into: root + "/mirror")
            }
            #expect(error?.message.contains("install git") == true)
        }
    }
}
