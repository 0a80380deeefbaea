import Foundation
import Sandboxes
import Testing

/// What bubblewrap keeps from the commands of a task.
@Suite(.enabled(if: LocalSandboxFixture.hasBubblewrap, "bubblewrap works here"))
struct BubblewrapTests {
    @Test func isDetected() async throws {
        try await LocalSandboxFixture.use(.auto) { fixture in
            guard case .bubblewrap = fixture.provider.isolation else {
                Issue.record("\(fixture.provider.isolation)")
                return
            }
            #expect(!fixture.provider.warnings.contains { $0.contains("isolation") })
        }
    }

    @Test func onlyTheWorkspaceIsWritable() async throws {
        try await LocalSandboxFixture.use(.bubblewrap) { fixture in
            let outside = "\(fixture.directory)/outside"
            try Data("host".utf8).write(to: URL(filePath: outside))
            try await fixture.provider.withSandbox(id: "a") { sandbox in
                let script = """
                    for place in / /usr /etc /opt /home /root /run /mnt /proc/sys /sys '\(fixture.directory)' .. ../.. \
                    ../.state '\(FileManager.default.currentDirectoryPath)'; do
                        (: >"$place/escaped") 2>/dev/null && echo "$place"
                    done
                    (: >'\(outside)') 2>/dev/null && echo outside
                    touch here /tmp/there /var/tmp/there "$HOME/there" && echo written
                    """
                #expect(try await sandbox.run(SandboxCommand(script)).output == "written\n")
                _ = try await sandbox.run(SandboxCommand("ln -s '\(outside)' link; ln -s / root"))
                await #expect(throws: SandboxError.self) { try await sandbox.writeFile("link", [1]) }
                await #expect(throws: SandboxError.self) { try await sandbox.writeFile("root/etc/new", [1]) }
            }
            #expect(try String(contentsOfFile: outside, encoding: .utf8) == "host")
            #expect(!FileManager.default.fileExists(atPath: "/tmp/there"))
        }
    }

    @Test func theTemporaryFilesOfATaskAreItsOwnAndStay() async throws {
        try await LocalSandboxFixture.use(.bubblewrap) { fixture in
            try await fixture.provider.withSandbox(id: "a") { sandbox in
                _ = try await sandbox.run(SandboxCommand("echo 1 >/tmp/file"))
                try await sandbox.killProcesses()
                #expect(try await sandbox.run(SandboxCommand("ls /tmp; cat /var/tmp/file")).output == "file\n1\n")
            }
            try await fixture.provider.withSandbox(id: "b") { sandbox in
                let listing = try await sandbox.run(SandboxCommand("ls -A /tmp"))
                #expect(listing.output == "")
            }
        }
    }

    /// As the real one does that gets a SIGPIPE while it tells of its child, which then waits for it for ever.
    @Test func nothingIsLeftOfABwrapThatEndsTooEarly() async throws {
        let files = FileManager.default
        let random = UInt64.random(in: 100_000_000...999_999_999)
        let duration = "1\(random)"
        let directory = NSTemporaryDirectory() + "sandboxes-\(random)"
        try files.createDirectory(atPath: directory + "/bin", withIntermediateDirectories: true)
        defer { try? files.removeItem(atPath: directory) }
        let script = """
            #!/bin/sh
            test -e '\(directory)/broken' || PATH=/usr/local/bin:/usr/bin:/bin exec bwrap "$@"
            sleep \(duration) &
            """
        #expect(
            files.createFile(
                atPath: directory + "/bin/bwrap", contents: Data(script.utf8), attributes: [.posixPermissions: 0o755]))
        let provider = try await LocalSandboxProvider(
            root: directory + "/workspaces", settings: LocalSandboxSettings(isolation: .bubblewrap),
            hostEnvironment: ["PATH": "\(directory)/bin:/usr/bin:/bin"])
        #expect(files.createFile(atPath: directory + "/broken", contents: nil))
        await #expect(throws: SandboxError.self) {
            try await provider.withSandbox(id: "a") { try await $0.run(SandboxCommand("true")) }
        }
        // What was killed takes a moment.
        let end = ContinuousClock.now + .seconds(10)
        while !LocalSandboxFixture.processes(with: duration).isEmpty, .now < end {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(LocalSandboxFixture.processes(with: duration) == [])
    }

    @Test func aWorkspaceMayBeBelowTmp() async throws {
        let directory = NSTemporaryDirectory() + "sandboxes-" + String(UInt64.random(in: .min ... .max), radix: 16)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let provider = try await LocalSandboxProvider(
            root: directory, settings: LocalSandboxSettings(isolation: .bubblewrap),
            hostEnvironment: ["PATH": "/usr/bin:/bin"])
        try await provider.withSandbox(id: "a") { sandbox in
            try await sandbox.writeFile("file", [1])
            let outcome = try await sandbox.run(SandboxCommand("ls; ls '\(directory)'; touch '\(directory)/x'"))
            #expect(outcome.output.hasPrefix("file\na\n"))
            #expect(!FileManager.default.fileExists(atPath: "\(directory)/x"))
        }
        #expect(FileManager.default.contents(atPath: "\(directory)/a/file") == Data([1]))
    }

    @Test func secretsOfTheHostAreHidden() async throws {
        try await LocalSandboxFixture.use(
            .bubblewrap,
            configure: { settings, directory in
                settings.hiddenDirectories = ["\(directory)/data"]
                for name in ["data", "home"] {
                    try? FileManager.default.createDirectory(
                        atPath: "\(directory)/\(name)/tools/bin", withIntermediateDirectories: true)
                    try? Data("secret".utf8).write(to: URL(filePath: "\(directory)/\(name)/file"))
                    try? Data("tool".utf8).write(to: URL(filePath: "\(directory)/\(name)/tools/bin/tool"))
                }
                settings.readablePaths = ["\(directory)/home/tools"]
            },
            environment: [:]
        ) { fixture in
            try await fixture.provider.withSandbox(id: "other") { try await $0.writeFile("file", [1]) }
            try await fixture.provider.withSandbox(id: "a") { sandbox in
                let hidden = [
                    "\(fixture.directory)/data/file", "\(fixture.root)/other/file", "\(fixture.root)/.state/a/commands",
                    "\(fixture.root)/.state/other", FileManager.default.currentDirectoryPath + "/Package.swift",
                    "/root/.bashrc", "/run/docker.sock",
                ]
                for path in hidden {
                    #expect(try await !sandbox.run(SandboxCommand("ls '\(path)'")).succeeded, "\(path)")
                }
                let empty = try await sandbox.run(SandboxCommand("cat /etc/shadow; ls -A /root/.ssh /mnt 2>/dev/null"))
                #expect(!empty.output.contains("root:"))
                #expect(
                    try await sandbox.readFile("\(fixture.directory)/home/tools/bin/tool", limit: 10)
                        == Array("tool".utf8))
            }
        }
    }

    @Test(arguments: [SandboxIsolation.Choice.bubblewrap, .landlock])
    func aDirectoryThatIsNotThereYetIsHidden(isolation: SandboxIsolation.Choice) async throws {
        if isolation == .landlock, try await !LocalSandboxFixture.hasLandlock() { return }
        try await LocalSandboxFixture.use(
            isolation, configure: { $0.hiddenDirectories = ["\($1)/data/of/the/service"] }
        ) { fixture in
            let data = "\(fixture.directory)/data/of/the/service"
            // Made, so that it can be hidden, and by nobody else to be looked into.
            let attributes = try FileManager.default.attributesOfItem(atPath: data)
            #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o700)
            try Data("secret".utf8).write(to: URL(filePath: "\(data)/file"))
            try await fixture.provider.withSandbox(id: "a") { sandbox in
                let outcome = try await sandbox.run(SandboxCommand("cat '\(data)/file'"))
                #expect(!outcome.succeeded, "\(outcome.output)")
            }
        }
    }

    @Test func theHomeOfTheServiceIsHiddenButNotTheToolsOfItsPath() async throws {
        let directory = FileManager.default.currentDirectoryPath + "/.build/test-home"
        for part in ["home/.tools/bin", "home/.tools/lib", "home/project/bin", "home/.local/bin", "home/.local/share"] {
            let path = "\(directory)/\(part)"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try Data("1".utf8).write(to: URL(filePath: "\(path)/file"))
        }
        try Data("1".utf8).write(to: URL(filePath: "\(directory)/home/project/.env"))
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let home = "\(directory)/home"
        let path = ["\(home)/.tools/bin", "\(home)/project/bin", "\(home)/.local/bin", "/usr/bin", "/bin"]
        try await LocalSandboxFixture.use(
            .bubblewrap, environment: ["HOME": home, "PATH": path.joined(separator: ":")]
        ) { fixture in
            try await fixture.provider.withSandbox(id: "a") { sandbox in
                let found = try await sandbox.run(SandboxCommand("find '\(home)' -type f | sort"))
                #expect(
                    found.output.split(separator: "\n").map { $0.dropFirst(home.count + 1) } == [
                        ".local/bin/file", ".tools/bin/file", ".tools/lib/file", "project/bin/file",
                    ])
            }
        }
    }

    @Test func theNetworkCanBeSwitchedOff() async throws {
        let interfaces = SandboxCommand("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | sort | tr '\\n' ' '")
        let host = try await HostCommand(
            executable: "sh", arguments: ["-c", interfaces.script], environment: ["PATH": "/usr/bin:/bin"]
        ).run()
        for hasNetwork in [true, false] {
            try await LocalSandboxFixture.use(
                .bubblewrap, configure: { settings, _ in settings.hasNetwork = hasNetwork }
            ) { fixture in
                let seen = try await fixture.provider.withSandbox(id: "a") { try await $0.run(interfaces).output }
                let all = if case .outbound = fixture.provider.network { "lo tap0 " } else { host.output }
                #expect(seen == (hasNetwork ? all : "lo "))
            }
        }
    }

    @Test func noOtherProcessIsSeenAndNoPrivilegeIsHeld() async throws {
        try await LocalSandboxFixture.use(.bubblewrap) { fixture in
            try await fixture.provider.withSandbox(id: "a") { sandbox in
                let processes = try await sandbox.run(SandboxCommand("cat /proc/[0-9]*/comm"))
                #expect(Set(processes.output.split(separator: "\n")).isSubset(of: ["bash", "bwrap", "cat"]))
                let status = try await sandbox.run(SandboxCommand("grep -E '^(CapEff|NoNewPrivs)' /proc/self/status"))
                #expect(status.output == "CapEff:\t0000000000000000\nNoNewPrivs:\t1\n")
                #expect(try await !sandbox.run(SandboxCommand("kill -0 \(getpid())")).succeeded)
                #expect(try await sandbox.run(SandboxCommand("hostname")).output == "sandbox\n")
            }
        }
    }

    @Test func commandsCannotReachTheRecords() async throws {
        try await LocalSandboxFixture.use(.bubblewrap) { fixture in
            try await fixture.provider.withSandbox(id: "a") { sandbox in
                let open = try await sandbox.run(SandboxCommand("sh -c 'ls -l /proc/self/fd'"))
                #expect(!open.output.contains("commands"))
                #expect(try await !sandbox.run(SandboxCommand("sh -c 'echo forged >&3'")).succeeded)
                #expect(try await !sandbox.run(SandboxCommand("sh -c 'read -r x <&4'")).succeeded)
            }
        }
    }
}
