public import Sandboxes
public import Testing

/// What every kind of sandbox has to do, as checks against its provider.
///
/// Run each of ``checks`` with a provider of the kind under test; a check opens sandboxes of its own.
public struct SandboxConformance: Sendable, CustomTestStringConvertible {
    public let name: String
    private let body: @Sendable (any SandboxProvider) async throws -> Void

    public var testDescription: String { name }

    /// Runs the check.
    public func callAsFunction(_ provider: any SandboxProvider) async throws {
        try await body(provider)
    }

    /// All checks.
    public static let checks: [SandboxConformance] = shellChecks + outputChecks + endingChecks + fileChecks

    /// Makes all checks of one provider, each in a sandbox of its own, many of them at the same time.
    public static func checkAll(of provider: any SandboxProvider, atOnce most: Int = .max) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, check) in checks.enumerated() {
                if index >= most { try await group.next() }
                group.addTask {
                    do {
                        try await check(provider)
                    } catch {
                        Issue.record(error, "\(check.name)")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// A check that uses one sandbox.
    static func check(
        _ name: String, _ body: @escaping @Sendable (any Sandbox) async throws -> Void
    ) -> SandboxConformance {
        providerCheck(name) { provider in
            let id = newID()
            try await provider.withSandbox(id: id) { try await body($0) }
            try await provider.remove(id: id)
        }
    }

    /// A check that opens sandboxes itself.
    static func providerCheck(
        _ name: String, _ body: @escaping @Sendable (any SandboxProvider) async throws -> Void
    ) -> SandboxConformance {
        SandboxConformance(name: name, body: body)
    }

    static func newID() -> String {
        "task-" + String(UInt64.random(in: .min ... .max), radix: 16)
    }

    /// A number of seconds to sleep for, by which the process can be found again.
    static func newDuration() -> String {
        "1" + String(UInt64.random(in: 100_000_000...999_999_999))
    }
}

extension Sandbox {
    /// The processes of the sandbox, as it sees them, whose arguments contain a text that the command itself does not.
    public func processes(with text: String) async throws -> [String] {
        let split = "'\(text.prefix(3))''\(text.dropFirst(3))'"
        let script = #"""
            for file in /proc/[0-9]*/cmdline; do
                line=$(2>/dev/null <"$file" tr '\0' ' ')
                case $line in *\#(split)*) echo "$line" ;; esac
            done
            """#
        return try await run(SandboxCommand(script)).output.split(separator: "\n").map(String.init)
    }
}
