import Sandboxes
import TestSupport
import Testing

/// The local sandbox keeps the promises of every sandbox, isolated or not.
@Suite struct SandboxConformanceTests {
    @Test(arguments: SandboxConformance.checks)
    func unisolated(check: SandboxConformance) async throws {
        try await LocalSandboxFixture.use(.none) { try await check($0.provider) }
    }

    @Test(
        .enabled(if: LocalSandboxFixture.hasBubblewrap, "bubblewrap works here"), arguments: SandboxConformance.checks)
    func bubblewrap(check: SandboxConformance) async throws {
        try await LocalSandboxFixture.use(.bubblewrap) { try await check($0.provider) }
    }
}
