import Sandboxes

/// A script of ours that runs in a sandbox apart from the agent's shell: whatever the agent did to its shell (`cd`,
/// `set -e`, exported variables, functions) neither changes the script nor is changed by it.
struct ShellScript: Sendable {
    /// Bash; its parameters are `$1` onwards, and need no quoting anywhere.
    var text: String
    var parameters: [String]

    init(_ text: String, _ parameters: [String] = []) {
        self.text = text
        self.parameters = parameters
    }

    /// The one command line that runs the script. Of the shell's environment only the path and home are handed on.
    var commandLine: String {
        let words = ["bash", "--noprofile", "--norc", "-c", Self.prelude + text, "swe-agent"].map(\.shellQuoted)
        let environment = [#""${PATH-/usr/local/bin:/usr/bin:/bin}""#, #""${HOME-/}""#]
        // `exec -c` clears the environment without the start of one more program that `env -i` would be.
        return "( builtin exec -c "
            + (words + environment + parameters.map(\.shellQuoted)).joined(separator: " ") + " ) </dev/null"
    }

    private static let prelude = """
        export PATH="$1" HOME="$2" LC_ALL=C.UTF-8 GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null \\
            GIT_TERMINAL_PROMPT=0 GIT_OPTIONAL_LOCKS=0
        shift 2

        """

    /// Runs the script to its end.
    ///
    /// - Throws: ``SandboxError``, or `CancellationError`. Exit codes and timeouts are outcomes.
    func run(in sandbox: any Sandbox, timeout: Duration, outputLimit: Int = 64 * 1024) async throws -> CommandOutcome {
        try await sandbox.run(SandboxCommand(commandLine, timeout: timeout, outputLimit: outputLimit))
    }
}
