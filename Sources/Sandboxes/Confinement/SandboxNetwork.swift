/// The network that the commands of local sandboxes have.
public enum SandboxNetwork: Sendable, Hashable {
    case none
    /// One of their own, with a way out by the program at this path; see ``OutboundNetwork``.
    case outbound(String)
    /// That of the host.
    case host(reason: String)

    /// Finds out by trying what works here, of what the settings ask for.
    ///
    /// - Parameter path: The value of `PATH` that programs are looked for in.
    /// - Throws: `CancellationError`, or ``SandboxError`` where a program cannot be started at all.
    public static func detect(
        _ settings: LocalSandboxSettings, isolation: SandboxIsolation, path: String
    ) async throws -> SandboxNetwork {
        switch isolation {
        case .none(let reason): return .host(reason: reason)
        case _ where !settings.hasNetwork: return .none
        case .landlock: return .host(reason: "Landlock does not tell addresses apart")
        case .bubblewrap(let bubblewrap):
            guard let own = settings.confiningProgram,
                let helper = ProgramSearch(path: path).find(OutboundNetwork.helper)
            else { return .host(reason: "\(OutboundNetwork.helper) is not installed") }
            let probe = try await HostCommand(
                executable: own,
                arguments: [OutboundNetwork.command, helper, bubblewrap]
                    + SandboxView(hasNetwork: true).bubblewrapArguments + ["/bin/sh", "-c", ":"],
                environment: ["PATH": path], timeout: .seconds(60)
            ).run()
            guard probe.succeeded else {
                let line = probe.errorOutput.split(separator: "\n").first.map(String.init) ?? "it failed"
                return .host(reason: "\(OutboundNetwork.helper) does not work here (\(line))")
            }
            return .outbound(helper)
        }
    }
}
