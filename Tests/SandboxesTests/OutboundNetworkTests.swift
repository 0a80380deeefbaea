import Foundation
import Sandboxes
import TestSupport
import Testing

/// Sandboxes with `SANDBOX_NETWORK=on`. What they cannot reach is tried by the escapes.
@Suite(.enabled(if: LocalSandboxFixture.hasBubblewrap, "bubblewrap works here"))
struct OutboundNetworkTests {
    /// An address of this machine that is not on loopback, by the interface that leads out.
    private static let address: String? = {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return nil }
        defer { freeifaddrs(list) }
        let entries = sequence(first: list?.pointee) { $0?.ifa_next?.pointee }.compactMap { $0 }
        return entries.lazy.compactMap { entry -> String? in
            guard let address = entry.ifa_addr, Int32(address.pointee.sa_family) == AF_INET else { return nil }
            var name = [CChar](repeating: 0, count: 64)
            let length = socklen_t(MemoryLayout<sockaddr_in>.size)
            guard getnameinfo(address, length, &name, 64, nil, 0, NI_NUMERICHOST) == 0 else { return nil }
            let text = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
            return text.hasPrefix("127.") || text.hasPrefix("169.254.") ? nil : text
        }.first
    }()

    @Test(
        .enabled("slirp4netns works here") { try await LocalSandboxFixture.hasOutboundNetwork() },
        .enabled(if: address != nil, "there is an address that is not on loopback"))
    func servicesAtOtherAddressesAreReached() async throws {
        let address = try #require(Self.address)
        let word = "word-" + String(UInt64.random(in: .min ... .max), radix: 16)
        // On that address alone, for one connection.
        let server = Process()
        let output = Pipe()
        server.executableURL = URL(filePath: "/usr/bin/env")
        server.arguments = [
            "python3", "-c",
            """
            import socket, sys
            server = socket.create_server((sys.argv[1], 0))
            print(server.getsockname()[1], flush=True)
            server.accept()[0].sendall(sys.argv[2].encode())
            """, address, word,
        ]
        server.standardOutput = output
        try server.run()
        defer { kill(server.processIdentifier, SIGKILL) }
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        let port = line.trimmingCharacters(in: .whitespacesAndNewlines)
        try await LocalSandboxFixture.use(.bubblewrap, configure: { settings, _ in settings.hasNetwork = true }) {
            fixture in
            let outcome = try await fixture.provider.withSandbox(id: "a") { sandbox in
                try await sandbox.run(
                    SandboxCommand("exec 9<>/dev/tcp/\(address)/\(port) && timeout 20 cat <&9", timeout: .seconds(60)))
            }
            #expect(outcome.output == word)
        }
    }

    @Test(.enabled("slirp4netns works here") { try await LocalSandboxFixture.hasOutboundNetwork() })
    func namesAreAskedOfTheWayOutAndNothingIsLeft() async throws {
        try await LocalSandboxFixture.use(.bubblewrap, configure: { settings, _ in settings.hasNetwork = true }) {
            fixture in
            #expect(!fixture.provider.warnings.contains { $0.contains("network") })
            @Sendable func helpers() -> Int {
                let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
                return names.count { name in
                    guard Int(name) != nil,
                        let environment = FileManager.default.contents(atPath: "/proc/\(name)/environ"),
                        let program = FileManager.default.contents(atPath: "/proc/\(name)/cmdline")
                    else { return false }
                    return environment.range(of: Data(fixture.root.utf8)) != nil
                        && program.starts(with: Data("slirp4netns".utf8))
                }
            }
            try await fixture.provider.withSandbox(id: "a") { sandbox in
                let servers = try await sandbox.run(SandboxCommand("cat /etc/resolv.conf"))
                #expect(servers.output == "nameserver 10.0.2.3\n")
                #expect(helpers() > 0)
                // The next shell has a way out of its own.
                try await sandbox.killProcesses()
                #expect(helpers() == 0)
                let routes = try await sandbox.run(SandboxCommand("cat /proc/net/route"))
                #expect(routes.output.contains("tap0"))
            }
            #expect(helpers() == 0)
        }
    }

    @Test func withoutAWayOutTheHostsNetworkIsSharedAndThatIsSaid() async throws {
        let directory = FileManager.default.currentDirectoryPath + "/.build/test-programs"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        for program in ["bash", "bwrap", "cat"] {
            let place = ["/usr/bin", "/bin", "/usr/local/bin"].map { "\($0)/\(program)" }
                .first { FileManager.default.isExecutableFile(atPath: $0) }
            try FileManager.default.createSymbolicLink(
                atPath: "\(directory)/\(program)", withDestinationPath: try #require(place))
        }
        try await LocalSandboxFixture.use(
            .bubblewrap, configure: { settings, _ in settings.hasNetwork = true }, environment: ["PATH": directory]
        ) { fixture in
            #expect(fixture.provider.network == .host(reason: "slirp4netns is not installed"))
            #expect(fixture.provider.warnings.contains { $0.contains("share the host's network") })
            #expect(fixture.provider.hasNetwork)
        }
    }
}
