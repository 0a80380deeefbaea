public import LanguageModels
import Sandboxes

/// `search`: finds lines by a regular expression, with ripgrep where the sandbox has it, else with grep.
public struct SearchTool: AgentTool {
    public init() {}

    public let isReadOnly = true

    public let definition = ToolDefinition(
        "search",
        "Finds the lines of the repository's files that match a regular expression, as path:line:text. "
            + "Ignored and binary files are left out.",
        parameters: [
            ("pattern", "string", "An extended regular expression; escape characters that are meant as themselves."),
            ("path", "string", "The file or directory to search; the whole repository where it is missing."),
            ("glob", "string", "Only files whose name matches, such as *.py."),
        ],
        required: 1)

    private static let mostLines = 200

    public func call(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        let pattern = try arguments.string("pattern")
        guard !pattern.isEmpty else { return .error("search: the pattern is empty.") }
        let path = try RepositoryPath(try arguments.optionalString("path") ?? ".", in: context.directory)
        let glob = try arguments.optionalString("glob") ?? ""
        // Both programs answer 0 where they found something, 1 where not, and 2 for errors; what they answer when
        // `head` has had enough differs.
        let script = """
            cd -- "$1" || exit 2
            if command -v rg >/dev/null; then
                rg --no-config --line-number --no-heading --with-filename --color=never --sort=path --hidden \\
                    --glob='!.git' ${4:+"--glob=$4"} --max-columns=400 --max-columns-preview -e "$2" -- "$3" 2>&1
            else
                grep -rnIHE --exclude-dir=.git ${4:+"--include=$4"} -e "$2" -- "$3" 2>&1
            fi | head -n "$5"
            exit "${PIPESTATUS[0]}"
            """
        let outcome = try await ShellScript(
            script, [context.directory, pattern, path.name, glob, String(Self.mostLines + 1)]
        ).run(in: context.sandbox, timeout: context.commandTimeout, outputLimit: context.outputLimit)

        let lines = outcome.output.split(separator: "\n").map { $0.hasPrefix("./") ? $0.dropFirst(2) : $0 }
        if outcome.timedOut {
            return .error("search: killed after \(context.commandTimeout); search a smaller path.")
        } else if lines.isEmpty {
            return ToolOutput("No line of \(path.name)\(glob.isEmpty ? "" : " in \(glob)") matches.")
        } else if lines.count <= Self.mostLines, let code = outcome.exitCode, code > 1 {
            return .error("search: " + lines.prefix(20).joined(separator: "\n"))
        }
        let rest = lines.count > Self.mostLines ? "\n[cut after \(Self.mostLines) lines: search for less]" : ""
        return ToolOutput(lines.prefix(Self.mostLines).joined(separator: "\n") + rest)
    }
}
