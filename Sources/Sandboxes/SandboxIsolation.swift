/// What keeps the processes of the local sandbox apart from the host.
public enum SandboxIsolation: Sendable, Hashable {
    /// Namespaces and a view of the file system that the program at this path sets up.
    case bubblewrap(String)
    /// Rules that the shell's processes were put under by the program at this path; see ``LandlockLaunch``.
    case landlock(String)
    /// Nothing: commands run as plain processes of the service's user.
    case none(reason: String)

    /// What the operator asks for.
    public enum Choice: String, Sendable, CaseIterable {
        /// Bubblewrap where it works, else Landlock, else nothing.
        case auto
        case bubblewrap
        case landlock
        case none
    }

    /// Finds out by trying what works here.
    ///
    /// - Parameters:
    ///   - path: The value of `PATH` that programs are looked for in.
    ///   - confiningProgram: See ``LocalSandboxSettings/confiningProgram``.
    /// - Throws: ``SandboxError`` with kind `.unavailable` where the choice does not work.
    public static func detect(
        _ choice: Choice = .auto, path: String, confiningProgram: String? = nil
    ) async throws -> SandboxIsolation {
        switch choice {
        case .none: return .none(reason: "it is switched off")
        case .landlock:
            guard let program = await landlock(confiningProgram) else {
                throw SandboxError(
                    .unavailable,
                    "The sandbox cannot be isolated by Landlock: it needs Linux 6.2 or newer with Landlock")
            }
            return .landlock(program)
        case .auto, .bubblewrap: break
        }
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
        if let program = await landlock(confiningProgram) { return .landlock(program) }
        return .none(reason: "\(reason), and Landlock needs Linux 6.2 or newer")
    }

    private static func landlock(_ program: String?) async -> String? {
        guard let program, LandlockLaunch.isSupported else { return nil }
        let rules = LandlockLaunch.Rules(hidden: ["/root"], readable: [], writable: [], hasNetwork: false)
        let probe = try? await HostCommand(
            executable: program, arguments: [LandlockLaunch.command] + rules.arguments + ["/bin/sh", "-c", ":"],
            environment: [:], timeout: .seconds(60)
        ).run()
        return probe?.succeeded == true ? program : nil
    }
}
