public import Sandboxes

/// A sandbox that only has one file, in memory: enough for the tools that edit, and fast enough for many cases.
public actor OneFileSandbox: Sandbox {
    public nonisolated let workspace = "/w"
    public private(set) var file: [UInt8]

    public init(_ file: [UInt8]) { self.file = file }

    public func run(_ command: SandboxCommand) throws -> CommandOutcome { throw SandboxError(.failed, "no shell") }
    public func outcome(ofCommand id: String) -> CommandOutcome? { nil }
    public func readFile(_ path: String, limit: Int) throws -> [UInt8] {
        guard file.count <= limit else { throw SandboxError(.tooLarge, "too large") }
        return file
    }
    public func writeFile(_ path: String, _ contents: [UInt8]) { file = contents }
    public func provide(repository hostPath: String) -> String { hostPath }
    public func start() {}
    public func killProcesses() {}
}
