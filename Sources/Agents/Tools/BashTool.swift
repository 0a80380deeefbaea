public import LanguageModels
import Sandboxes

/// `bash`: runs a command in the sandbox's persistent shell.
public struct BashTool: AgentTool {
    public init() {}

    public let isReadOnly = false

    public let definition = ToolDefinition(
        "bash",
        """
        Runs a command in a bash shell that keeps its directory and variables from call to call. It starts in the \
        repository's root. Standard input is empty. Long output is cut in the middle. Start servers in the background, \
        with their output in a file.
        """,
        parameters: [
            ("command", "string", "What bash runs; more than one line is fine."),
            ("timeout_seconds", "integer", "Kill the command after this many seconds, if that is less than the limit."),
        ],
        required: 1)

    public func call(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        let command = try arguments.string("command")
        guard command.contains(where: { !$0.isWhitespace }) else { return .error("bash: the command is empty.") }
        var timeout = context.commandTimeout
        if let seconds = try arguments.optionalInteger("timeout_seconds") {
            timeout = min(timeout, .seconds(max(1, seconds)))
        }
        // A fresh shell begins where the last one ended, or in the workspace: the first command goes to the repository.
        let directory = context.directory.shellQuoted
        let script = "[ \"${SWE_AGENT_IN-}\" = \(directory) ] || { cd -- \(directory) && SWE_AGENT_IN=\(directory); }\n"
        let outcome = try await context.sandbox.run(
            SandboxCommand(
                script + command, timeout: timeout, outputLimit: context.outputLimit, id: context.commandID))
        return ToolOutput(Self.report(outcome, timeout: timeout), isError: outcome.timedOut)
    }

    private static func report(_ outcome: CommandOutcome, timeout: Duration) -> String {
        var ending =
            if outcome.timedOut {
                "[killed: the command did not end within \(timeout.components.seconds) s]"
            } else if let code = outcome.exitCode {
                "[exit code \(code)]"
            } else {
                "[killed]"
            }
        if outcome.shellRestarted {
            ending += "\n[the shell is gone; the next command gets a fresh one in the repository's root]"
        }
        guard !outcome.output.isEmpty else { return "[no output]\n\(ending)" }
        return outcome.output + (outcome.output.utf8.last == UInt8(ascii: "\n") ? "" : "\n") + ending
    }
}
