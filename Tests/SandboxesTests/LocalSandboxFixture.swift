import Foundation
import Sandboxes
import TestSupport

/// A provider of local sandboxes in a directory of its own.
struct LocalSandboxFixture: Sendable {
    let provider: LocalSandboxProvider
    /// A directory that the provider's root is in.
    let directory: String

    var root: String { "\(directory)/workspaces" }

    /// Whether a program of that name is there to make isolated sandboxes.
    static let hasBubblewrap = ["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"]
        .contains { FileManager.default.isExecutableFile(atPath: $0) }

    /// Whether the kernel lets processes confine themselves.
    static func hasLandlock() async throws -> Bool {
        let found = try? await SandboxIsolation.detect(
            .landlock, path: "/usr/bin:/bin", confiningProgram: BuiltProgram.path)
        return found != nil
    }

    /// Whether sandboxes can have a network with a way out that does not lead to the host's loopback.
    static func hasOutboundNetwork() async throws -> Bool {
        guard hasBubblewrap else { return false }
        let settings = LocalSandboxSettings(confiningProgram: BuiltProgram.path, hasNetwork: true)
        let path = "/usr/local/bin:/usr/bin:/bin"
        let isolation = try await SandboxIsolation.detect(.bubblewrap, path: path)
        if case .outbound = try await SandboxNetwork.detect(settings, isolation: isolation, path: path) { return true }
        return false
    }

    static func use<Result>(
        _ isolation: SandboxIsolation.Choice,
        configure: (inout LocalSandboxSettings, _ directory: String) -> Void = { _, _ in },
        environment: [String: String] = [:],
        _ body: (LocalSandboxFixture) async throws -> Result
    ) async throws -> Result {
        // Not below /tmp, which every sandbox has of its own.
        let directory =
            FileManager.default.currentDirectoryPath + "/.build/test-sandboxes/"
            + String(UInt64.random(in: .min ... .max), radix: 16)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var settings = LocalSandboxSettings(isolation: isolation, confiningProgram: BuiltProgram.path)
        configure(&settings, directory)
        var host = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": NSHomeDirectory()]
        host.merge(environment) { $1 }
        let provider = try await LocalSandboxProvider(
            root: "\(directory)/workspaces", settings: settings, hostEnvironment: host)
        return try await body(LocalSandboxFixture(provider: provider, directory: directory))
    }

    /// The processes of the host whose arguments contain a text.
    static func processes(with text: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.filter { Int($0) != nil }.compactMap { name in
            guard let bytes = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else { return nil }
            let line = String(decoding: bytes, as: UTF8.self)
            return line.contains(text) ? line : nil
        }
    }
}
