import Agents
import Foundation
import Sandboxes
import TestSupport
import Testing

/// The token goes to the URL's own host, over a pipe, and nowhere else.
@Suite(.timeLimit(.minutes(5)))
struct GitCredentialTests {
    @Test func isNeverInAnArgumentTheEnvironmentOrAFile() async throws {
        try await GitRemoteTests.withRemote { remote in
            // A git that notes how it, its parent and its children are run, on its way to the real one.
            let wrapper = remote.root + "/git"
            let log = remote.root + "/seen"
            let script = """
                #!/bin/sh
                { cat /proc/$$/cmdline /proc/$$/environ /proc/$PPID/cmdline; echo; } >> '\(log)'
                { cat /proc/$PPID/environ; echo; } >> '\(log)' 2>/dev/null
                GIT_TRACE='\(log)' GIT_TRACE_SETUP=1 GIT_CURL_VERBOSE=0 exec git "$@"

                """
            try Data(script.utf8).write(to: URL(filePath: wrapper))
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: wrapper)

            let git = GitRemoteTests.client(wrapper)
            let mirror = try await git.mirror(remote.url, into: remote.root + "/mirror")
            _ = try await git.makeCommit(
                mirror: mirror.path, base: mirror.base, branch: "topic", patch: GitRemoteTests.patch, message: "x")
            #expect(try await git.push(mirror: mirror.path, to: remote.url, branch: "topic") == .pushed)
            #expect(await remote.server.received.contains { $0.authorization != nil })

            let seen = try String(decoding: Data(contentsOf: URL(filePath: log)), as: UTF8.self)
            #expect(seen.contains("clone"))
            #expect(seen.contains("push"))
            let basic = Data("x-access-token:\(GitRemoteTests.token)".utf8).base64EncodedString()
            for secret in [GitRemoteTests.token, basic] {
                #expect(!seen.contains(secret))
                let found = try await Git.run("grep", "--no-index", "-laF", "-e", secret, ".", in: remote.root)
                #expect(found.output == "")
                #expect(found.exitCode == 1)
            }
        }
    }

    @Test func doesNotFollowARedirectToAnotherHost() async throws {
        try await GitRemoteTests.withRemote { other in
            for asksForLogin in [true, false] {
                let behaviour = GitHTTPServer.Behaviour(
                    login: asksForLogin ? GitRemoteTests.login : nil, redirect: other.server.origin)
                try await GitRemoteTests.withRemote(behaviour: behaviour) { remote in
                    let error = await #expect(throws: GitError.self) {
                        try await GitRemoteTests.client().mirror(remote.url, into: remote.root + "/mirror")
                    }
                    #expect(error?.kind == .unauthorized)
                    #expect(await remote.server.received.contains { $0.authorization != nil } == asksForLogin)
                }
            }
            let received = await other.server.received
            #expect(!received.isEmpty)
            #expect(received.allSatisfy { $0.authorization == nil })
        }
    }

    @Test func isGivenOnlyToTheHostsThatMayHaveIt() async throws {
        try await GitRemoteTests.withRemote { remote in
            let error = await #expect(throws: GitError.self) {
                try await GitRemoteTests.client(hosts: ["github.com"])
                    .mirror(remote.url, into: remote.root + "/mirror")
            }
            #expect(error?.kind == .unauthorized)
            #expect(await remote.server.received.allSatisfy { $0.authorization == nil })
            _ = try await GitRemoteTests.client(hosts: ["127.0.0.1"])
                .mirror(remote.url, into: remote.root + "/mirror")
        }
    }

    @Test func isTakenOutOfWhatARemoteSays() async throws {
        try await GitRemoteTests.withRemote { remote in
            let git = GitRemoteTests.client()
            let mirror = try await git.mirror(remote.url, into: remote.root + "/mirror")
            let hook = remote.path + "/hooks/pre-receive"
            try FileManager.default.createDirectory(
                atPath: remote.path + "/hooks", withIntermediateDirectories: true)
            let script = "#!/bin/sh\nprintf 'your token is \(GitRemoteTests.token) \\033[31mred\\n' >&2\nexit 1\n"
            try Data(script.utf8).write(to: URL(filePath: hook))
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: hook)
            _ = try await git.makeCommit(
                mirror: mirror.path, base: mirror.base, branch: "topic", patch: GitRemoteTests.patch, message: "x")
            guard case .rejected(let reason) = try await git.push(mirror: mirror.path, to: remote.url, branch: "topic")
            else {
                Issue.record("The hook refuses the push.")
                return
            }
            #expect(reason.contains("your token is [secret]"))
            #expect(!reason.contains("\u{1B}"))
        }
    }

    @Test func isNotPrinted() throws {
        let credential = try #require(GitCredential(token: GitRemoteTests.token))
        var dumped = ""
        dump(credential, to: &dumped)
        let client = GitRemoteTests.client()
        dump(client, to: &dumped)
        for text in ["\(credential)", String(reflecting: credential), "\(client)", String(reflecting: client), dumped] {
            #expect(!text.contains(GitRemoteTests.token))
        }
    }

    @Test func refusesWhatGitsProtocolCannotCarry() {
        #expect(GitCredential(token: "") == nil)
        #expect(GitCredential(token: "a\nhost=evil") == nil)
        #expect(GitCredential(token: "a\0") == nil)
        #expect(GitCredential(token: "a", username: "b\nc") == nil)
    }
}
