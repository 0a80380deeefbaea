/// What an operator can choose about the local sandbox.
public struct LocalSandboxSettings: Sendable, Hashable {
    /// How commands are kept apart from the host.
    public var isolation: SandboxIsolation.Choice
    /// Whether commands may run without isolation where ``isolation`` is left to the system and it has none.
    public var allowsUnisolated: Bool
    /// A program that begins with ``LandlockLaunch/becomeConfined(_:)`` and ``OutboundNetwork/enterIfAsked(_:)``: the service's
    /// own. Without it there is neither.
    public var confiningProgram: String?
    /// What the commands of one sandbox may use up.
    public var limits: SandboxLimits
    /// Whether commands reach the network. Only an isolated sandbox can go without.
    public var hasNetwork: Bool
    /// The names of variables of the host that commands see, besides `PATH`, `LANG`, `HOME` and `TERM`.
    public var environmentPassthrough: [String]
    /// Directories of the host that commands must not see, beyond homes and what else is always hidden: the service's
    /// data. Those that are missing are made. Only an isolated sandbox can hide them.
    public var hiddenDirectories: [String]
    /// Directories, such as toolchains in a home, that commands may read although they would be hidden.
    public var readablePaths: [String]

    public init(
        isolation: SandboxIsolation.Choice = .auto,
        allowsUnisolated: Bool = false,
        confiningProgram: String? = nil,
        limits: SandboxLimits = .usual,
        hasNetwork: Bool = false,
        environmentPassthrough: [String] = [],
        hiddenDirectories: [String] = [],
        readablePaths: [String] = []
    ) {
        self.isolation = isolation
        self.allowsUnisolated = allowsUnisolated
        self.confiningProgram = confiningProgram
        self.limits = limits
        self.hasNetwork = hasNetwork
        self.environmentPassthrough = environmentPassthrough
        self.hiddenDirectories = hiddenDirectories
        self.readablePaths = readablePaths
    }

    /// The environment of commands, all of it but `HOME`.
    ///
    /// - Throws: ``SandboxError`` where a name to pass through is not one, or is `HOME`.
    func environment(from host: [String: String]) throws -> [String: String] {
        var environment = [
            "PATH": host["PATH"] ?? ProgramSearch.defaultPath,
            "LANG": host["LANG"] ?? "C.UTF-8",
            "TERM": host["TERM"] ?? "dumb",
        ]
        for name in environmentPassthrough {
            guard name.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_]*/) != nil, name != "HOME" else {
                throw SandboxError(
                    .failed,
                    "SANDBOX_ENV_PASSTHROUGH cannot pass \(name.debugDescription): "
                        + "write names of variables separated by commas, and not HOME, which the sandbox sets.")
            }
            environment[name] = host[name]
        }
        return environment
    }
}
