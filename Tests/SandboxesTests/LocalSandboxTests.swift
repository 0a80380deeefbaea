import Foundation
import Sandboxes
import Testing

/// What the local sandbox promises beyond every sandbox.
@Suite struct LocalSandboxTests {
    static let isolations: [SandboxIsolation.Choice] =
        LocalSandboxFixture.hasBubblewrap ? [.bubblewrap, .none] : [.none]

    @Test(arguments: isolations)
    func showsOnlyTheNamedVariables(isolation: SandboxIsolation.Choice) async throws {
        try await LocalSandboxFixture.use(
            isolation, configure: { settings, _ in settings.environmentPassthrough = ["PASSED", "UNSET"] },
            environment: ["PASSED": "yes\nindeed", "OPENAI_API_KEY": "sk-planted", "LANG": "C"]
        ) { fixture in
            try await fixture.provider.withSandbox(id: "a") { sandbox in
                let names = try await sandbox.run(SandboxCommand("compgen -e"))
                // The last four are bash's own; the marker is needed where nothing else holds processes together.
                var allowed: Set = ["PATH", "LANG", "HOME", "TERM", "PASSED", "PWD", "OLDPWD", "SHLVL", "_"]
                allowed.insert("SWE_AGENT_PROCESS")
                let seen = Set(names.output.split(separator: "\n").map(String.init))
                #expect(seen.isSubset(of: allowed), "\(seen)")
                #expect(seen.isSuperset(of: ["PATH", "LANG", "HOME", "TERM", "PASSED"]))
                let values = try await sandbox.run(SandboxCommand("echo \"$PASSED $LANG $TERM\"; [ -w \"$HOME\" ]"))
                #expect(values.output == "yes\nindeed C dumb\n")
                #expect(values.succeeded)
                let everywhere = try await sandbox.run(SandboxCommand("cat /proc/[0-9]*/environ | tr '\\0' '\\n'"))
                if isolation == .bubblewrap { #expect(!everywhere.output.contains("sk-planted")) }
            }
        }
    }

    @Test(arguments: isolations)
    func showsNoCommandInTheProcessList(isolation: SandboxIsolation.Choice) async throws {
        try await LocalSandboxFixture.use(isolation) { fixture in
            try await fixture.provider.withSandbox(id: "a") { sandbox in
                let word = "word" + String(UInt64.random(in: .min ... .max))
                let outcome = try await sandbox.run(SandboxCommand(": \(word); cat /proc/[0-9]*/cmdline"))
                #expect(!outcome.output.contains(word))
            }
        }
    }

    @Test(arguments: isolations)
    func leavesNoProcess(isolation: SandboxIsolation.Choice) async throws {
        try await LocalSandboxFixture.use(isolation) { fixture in
            let duration = "1" + String(UInt64.random(in: 100_000_000...999_999_999))
            // Does not match itself among the arguments of grep.
            let pattern = "[1]" + duration.dropFirst()
            let daemon = """
                sleep \(duration) &
                (setsid sh -c '(setsid sleep \(duration) </dev/null >/dev/null 2>&1 &)' &)
                until [ "$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -cx '\(pattern)')" -ge 2 ]; do :; done
                """
            try await fixture.provider.withSandbox(id: "a") { sandbox in
                _ = try await sandbox.run(SandboxCommand(daemon))
                #expect(LocalSandboxFixture.processes(with: duration).count == 2)
            }
            #expect(LocalSandboxFixture.processes(with: duration) == [])
            #expect(LocalSandboxFixture.processes(with: fixture.root) == [])

            try await fixture.provider.withSandbox(id: "a") { sandbox in
                let outcome = try await sandbox.run(
                    SandboxCommand("\(daemon)\nsleep \(duration)", timeout: .milliseconds(800)))
                #expect(outcome.timedOut)
                #expect(LocalSandboxFixture.processes(with: duration) == [])
                _ = try await sandbox.run(SandboxCommand("\(daemon)\nexit"))
                _ = try await sandbox.run(SandboxCommand(":"))
                #expect(LocalSandboxFixture.processes(with: duration) == [])
            }
        }
    }

    @Test(arguments: isolations)
    func providesARepository(isolation: SandboxIsolation.Choice) async throws {
        try await LocalSandboxFixture.use(
            isolation, configure: { $0.hiddenDirectories = ["\($1)/data"] }
        ) { fixture in
            let bare = "\(fixture.directory)/data/repository.git"
            let environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "", "HOME": fixture.directory]
            let made = try await HostCommand(
                executable: "git", arguments: ["init", "--quiet", "--bare", bare], environment: environment
            ).run()
            try #require(made.succeeded)
            try await fixture.provider.withSandbox(id: "a") { sandbox in
                _ = try await sandbox.run(SandboxCommand("mkdir sub; cd sub"))
                let path = try await sandbox.provide(repository: bare)
                #expect(try await sandbox.provide(repository: bare) == path)
                let clone = try await sandbox.run(
                    SandboxCommand("git clone --quiet '\(path)' clone; ls -d clone/.git; pwd"))
                #expect(clone.output.hasSuffix("clone/.git\n\(sandbox.workspace)/sub\n"), "\(clone.output)")
                if isolation == .bubblewrap {
                    #expect(try await !sandbox.run(SandboxCommand("touch '\(path)/new'")).succeeded)
                    #expect(!FileManager.default.fileExists(atPath: "\(bare)/new"))
                }
                let error = await #expect(throws: SandboxError.self) {
                    try await sandbox.provide(repository: "\(fixture.directory)/none.git")
                }
                #expect(error?.kind == .notFound)
            }
        }
    }

    /// The service is a process of its own here, killed without warning while commands run.
    @Test(arguments: isolations)
    func survivesTheKillOfTheService(isolation: SandboxIsolation.Choice) async throws {
        try await LocalSandboxFixture.use(isolation) { fixture in
            let duration = "1" + String(UInt64.random(in: 100_000_000...999_999_999))
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [
                    directory = fixture.directory as String, kind = isolation.rawValue as String,
                    duration = duration as String
                ] in
                let provider = try await LocalSandboxProvider(
                    root: "\(directory)/workspaces",
                    settings: LocalSandboxSettings(isolation: SandboxIsolation.Choice(rawValue: kind) ?? .auto),
                    hostEnvironment: ProcessInfo.processInfo.environment)
                try await provider.withSandbox(id: "a") { sandbox in
                    _ = try await sandbox.run(SandboxCommand("mkdir sub; cd sub; (exit 5)", id: "ended"))
                    let script = "sleep \(duration) & setsid sleep \(duration) & echo on; wait"
                    _ = try await sandbox.run(SandboxCommand(script, id: "cut") { _ in kill(getpid(), SIGKILL) })
                }
            }
            if isolation == .bubblewrap {
                // The kernel kills them; that may take a moment.
                while !LocalSandboxFixture.processes(with: duration).isEmpty {
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            try await fixture.provider.withSandbox(id: "a") { sandbox in
                #expect(LocalSandboxFixture.processes(with: duration) == [])
                let ended = try await sandbox.outcome(ofCommand: "ended")
                #expect(ended?.exitCode == 5)
                #expect(ended?.output == "[output lost: the service restarted while the command ran]")
                #expect(try await sandbox.outcome(ofCommand: "cut") == nil)
                #expect(try await sandbox.run(SandboxCommand("pwd")).output == "\(sandbox.workspace)/sub\n")
            }
        }
    }

    @Test func whatIsHardToRemoveIsRemoved() async throws {
        try await LocalSandboxFixture.use(.none) { fixture in
            let script = """
                mkdir closed; touch closed/file; chmod 0 closed; mkdir $'d\\xff'; touch $'d\\xff/\\n'
                n=$(printf 'x%.0s' {1..200}); for i in {1..100}; do mkdir $n && cd $n; done; touch file; cd /; echo made
                """
            try await fixture.provider.withSandbox(id: "a") { sandbox in
                let outcome = try await sandbox.run(SandboxCommand(script))
                #expect(outcome.output == "made\n")
            }
            try await fixture.provider.remove(id: "a")
            #expect(try await fixture.provider.existing() == [])
            #expect(!FileManager.default.fileExists(atPath: "\(fixture.root)/a"))
        }
    }

    @Test func refusesWrongSettings() async throws {
        for name in ["A B", "1A", "", "A=B", "HOME"] {
            let error = await #expect(throws: SandboxError.self, "\(name)") {
                try await LocalSandboxFixture.use(.none, configure: { s, _ in s.environmentPassthrough = [name] }) {
                    _ in
                }
            }
            #expect(error?.message.contains("SANDBOX_ENV_PASSTHROUGH") == true)
        }
        let error = await #expect(throws: SandboxError.self) {
            try await LocalSandboxFixture.use(.none, environment: ["PATH": "/no/such"]) { _ in }
        }
        #expect(error?.kind == .unavailable)
        await #expect(throws: SandboxError.self) {
            _ = try await LocalSandboxProvider(root: "/proc/no", hostEnvironment: ["PATH": "/usr/bin:/bin"])
        }
    }

    @Test func saysWhetherItIsolates() async throws {
        try await LocalSandboxFixture.use(.none) { fixture in
            #expect(fixture.provider.isolation == .none(reason: "it is switched off"))
            #expect(fixture.provider.warnings.contains { $0.contains("without isolation") })
        }
        let withoutBubblewrap = try await SandboxIsolation.detect(.auto, path: "/no/such")
        guard case .none(let reason) = withoutBubblewrap else {
            Issue.record("\(withoutBubblewrap)")
            return
        }
        #expect(reason.hasPrefix("bubblewrap (bwrap) is not installed"))
        let error = await #expect(throws: SandboxError.self) {
            try await SandboxIsolation.detect(.bubblewrap, path: "/no/such")
        }
        #expect(error?.kind == .unavailable)
    }
}
