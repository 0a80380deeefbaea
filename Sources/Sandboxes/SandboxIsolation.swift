/// What keeps the processes of the local sandbox apart from the host.
public enum SandboxIsolation: Sendable, Hashable {
    /// Namespaces and a view of the file system that the program at this path sets up.
    case bubblewrap(String)
    /// Nothing: commands run as plain processes of the service's user.
    case none(reason: String)

    /// What the operator asks for.
    public enum Choice: String, Sendable, CaseIterable {
        /// Bubblewrap where it works, else nothing.
        case auto
        case bubblewrap
        case none
    }

    /// Finds out by running it whether bubblewrap works here.
    ///
    /// - Parameter path: The value of `PATH` that programs are looked for in.
    /// - Throws: ``SandboxError`` with kind `.unavailable` where bubblewrap is asked for and does not work.
    public static func detect(_ choice: Choice = .auto, path: String) async throws -> SandboxIsolation {
        if choice == .none { return .none(reason: "it is switched off") }
        let reason: String
        if let program = ProgramSearch(path: path).find("bwrap") {
            let view = SandboxView()
            // Long enough for a machine that is very busy: tasks must not lose their isolation for that.
            let probe = try await HostCommand(
                executable: program, arguments: view.bubblewrapArguments + ["/bin/sh", "-c", ":"],
                environment: ["PATH": path], timeout: .seconds(60)
            ).run()
            if probe.succeeded { return .bubblewrap(program) }
            reason =
                probe.timedOut
                ? "bubblewrap did not start within a minute"
                : probe.errorOutput.split(separator: "\n").first.map(String.init) ?? "bubblewrap failed"
        } else {
            reason = "bubblewrap (bwrap) is not installed"
        }
        if choice == .bubblewrap {
            throw SandboxError(.unavailable, "The sandbox cannot be isolated by bubblewrap: \(reason)")
        }
        return .none(reason: reason)
    }
}
