import Foundation
import Sandboxes
import Testing

/// Every way out is tried where it must fail, and without a sandbox, where it must work: a script that fails for a reason of
/// its own shows nothing.
@Suite struct EscapeTests {
    @Test(.enabled(if: LocalSandboxFixture.hasBubblewrap, "bubblewrap works here"))
    func bubblewrapHolds() async throws {
        try await tryAll(Escape.all, .bubblewrap, works: false)
    }

    @Test(.enabled("Landlock works here") { try await LocalSandboxFixture.hasLandlock() })
    func landlockHolds() async throws {
        try await tryAll(Escape.all.filter { !$0.isOpenUnderLandlock }, .landlock, works: false)
    }

    @Test(.enabled(if: LocalSandboxFixture.hasBubblewrap, "bubblewrap works here"))
    func bubblewrapWithNetworkHolds() async throws {
        // A network that is the host's own keeps nothing from anybody.
        let others = try await LocalSandboxFixture.hasOutboundNetwork() ? Escape.network : []
        let escapes = Escape.files + Escape.processes + Escape.kernel + others
        try await tryAll(escapes, .bubblewrap, network: true, works: false)
    }

    @Test func withoutASandboxTheyWork() async throws {
        let possible = Escape.all.filter { $0.needs == nil || $0.needs == .root && getuid() == 0 }
        try await tryAll(possible, .none, works: true)
    }

    private func tryAll(
        _ escapes: [Escape], _ isolation: SandboxIsolation.Choice, network: Bool = false, works: Bool
    ) async throws {
        try await EscapeTargets.use(isolation, network: network) { sandbox, targets in
            let outside = "\(targets.directory)/outside"
            for (number, escape) in escapes.enumerated() {
                let outcome = try await sandbox.run(
                    SandboxCommand(
                        Escape.prelude
                            + "mkdir -p '\(sandbox.workspace)/\(number)' && cd '\(sandbox.workspace)/\(number)'"
                            + "\n" + escape.script(targets), timeout: .seconds(20)))
                #expect(outcome.output.contains(Escape.success) == works, "\(escape.name): \(outcome.output)")
            }
            guard !works else { return }
            // Whatever the scripts say.
            #expect(try String(contentsOfFile: outside, encoding: .utf8) == targets.word)
            let names = try FileManager.default.contentsOfDirectory(atPath: targets.directory)
            #expect(names.sorted() == ["data", "outside", "workspaces"])
        }
    }
}
