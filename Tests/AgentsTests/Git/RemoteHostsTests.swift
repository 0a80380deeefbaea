import Agents
import Foundation
import TestSupport
import Testing

/// A client of the service cannot have it ask internal hosts for repositories.
@Suite(.timeLimit(.minutes(5)))
struct RemoteHostsTests {
    @Test(arguments: [
        "https://169.254.169.254/latest/meta-data", "https://127.0.0.1/r.git", "http://127.0.0.1:9/r.git",
        "https://localhost/r.git", "http://localhost:9/r.git", "https://[::1]/r.git", "http://[::1]:9/r.git",
        "https://[::ffff:169.254.169.254]/r.git", "https://[::ffff:7f00:1]/r.git", "https://[64:ff9b::a9fe:a9fe]/r.git",
        "https://[2002:7f00:1::]/r.git", "https://[fd00:ec2::254]/r.git", "https://[fe80::1]/r.git",
        "https://10.0.0.1/r.git", "https://172.31.255.255/r.git", "https://192.168.1.1/r.git",
        "https://100.64.0.1/r.git",
        "https://0.0.0.0/r.git", "https://224.0.0.1/r.git", "https://255.255.255.255/r.git",
        // Other ways to write 127.0.0.1, which the system's resolver takes.
        "https://2130706433/r.git", "https://0x7f000001/r.git", "https://0177.0.0.1/r.git", "https://127.1/r.git",
        "ssh://git@127.0.0.1/r.git", "ssh://git@[::1]:22/r.git", "git@10.0.0.1:r.git",
    ])
    func internalHostsAreRefused(text: String) async throws {
        let error = await #expect(throws: GitError.self) {
            _ = try await GitRemoteTests.client("/bin/false", remoteHosts: RemoteHosts())
                .mirror(GitURL(text), into: NSTemporaryDirectory() + UUID().uuidString)
        }
        #expect(error?.message.contains("SWE_AGENT_INTERNAL_HOSTS") == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        "https://1.1.1.1/r.git", "https://172.32.0.1/r.git", "https://[2606:4700::1111]/r.git",
        "https://[::ffff:1.1.1.1]/r.git", "ssh://git@8.8.8.8/r.git",
    ])
    func othersAreNot(text: String) async throws {
        let error = await #expect(throws: GitError.self) {
            _ = try await GitRemoteTests.client("/bin/false", remoteHosts: RemoteHosts())
                .mirror(GitURL(text), into: NSTemporaryDirectory() + UUID().uuidString)
        }
        #expect(error?.message.contains("SWE_AGENT_INTERNAL_HOSTS") == false, "\(error?.message ?? "")")
    }

    @Test func gitIsToldTheAddressesThatWereLookedAt() async throws {
        try await Git.inTemporaryDirectory { root in
            let program = root + "/git"
            try Data("#!/bin/sh\nenv >'\(root)/environment'\nexit 1\n".utf8).write(to: URL(filePath: program))
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
            await #expect(throws: GitError.self) {
                _ = try await GitRemoteTests.client(
                    program, remoteHosts: RemoteHosts(), environment: ["PATH": "/usr/bin:/bin"]
                ).mirror(GitURL("https://1.1.1.1/r.git"), into: root + "/mirror")
            }
            let environment = try String(contentsOfFile: root + "/environment", encoding: .utf8)
            #expect(environment.contains("=http.curloptResolve\n"))
            #expect(environment.contains("=1.1.1.1:443:1.1.1.1\n"))
        }
    }

    @Test func aRedirectIsNotFollowed() async throws {
        try await GitRemoteTests.withRemote { target in
            let redirecting = GitHTTPServer.Behaviour(redirect: target.server.origin)
            try await GitRemoteTests.withRemote(behaviour: redirecting) { remote in
                let before = await target.server.received.count
                let allowed = GitRemoteTests.client(remoteHosts: RemoteHosts(internalHosts: ["127.0.0.1"]))
                let error = await #expect(throws: GitError.self) {
                    _ = try await allowed.mirror(remote.url, into: remote.root + "/mirror")
                }
                #expect(error?.message.contains("redirects") == true, "\(error?.message ?? "")")
                #expect(await target.server.received.count == before)
            }
        }
    }

    @Test func aHostThatIsAllowedIsCloned() async throws {
        try await GitRemoteTests.withRemote { remote in
            let allowed = GitRemoteTests.client(remoteHosts: RemoteHosts(internalHosts: ["127.0.0.1"]))
            let mirror = try await allowed.mirror(remote.url, into: remote.root + "/mirror")
            #expect(mirror.branch == "main")
        }
    }
}
