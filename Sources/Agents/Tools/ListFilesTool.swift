public import LanguageModels
import Sandboxes

/// `list_files`: names the repository's files, tracked and new, without the ignored ones.
public struct ListFilesTool: AgentTool {
    public init() {}

    public let isReadOnly = true

    public let definition = ToolDefinition(
        "list_files",
        "Names the files of the repository or of a directory in it, without ignored files.",
        parameters: [
            ("path", "string", "The directory; the whole repository where it is missing."),
            ("glob", "string", "Only files that match: *.py by name at any depth, src/**/*.py by path."),
        ],
        required: 0)

    private static let mostFiles = 500

    public func call(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        let path = try RepositoryPath(try arguments.optionalString("path") ?? ".", in: context.directory)
        let glob = try arguments.optionalString("glob") ?? ""
        let pattern = glob.isEmpty ? "." : ":(glob)" + (glob.utf8.contains(UInt8(ascii: "/")) ? glob : "**/" + glob)
        let script = """
            cd -- "$1" || exit
            git -c safe.directory='*' -c core.quotePath=false \\
                ls-files --cached --others --exclude-standard --deduplicate -- "$2" | head -n "$3"
            exit "${PIPESTATUS[0]}"
            """
        let outcome = try await ShellScript(script, [path.absolute, pattern, String(Self.mostFiles + 1)])
            .run(in: context.sandbox, timeout: context.commandTimeout, outputLimit: context.outputLimit)
        let prefix = path.relative.isEmpty ? "" : path.relative + "/"
        let lines = outcome.output.split(separator: "\n")
        // 141: `head` had enough.
        guard outcome.exitCode == 0 || outcome.exitCode == 141 else {
            return .error("list_files: \(path.name) cannot be listed: " + lines.prefix(5).joined(separator: " "))
        }
        guard !lines.isEmpty else { return ToolOutput("There are no files that match.") }
        let rest = lines.count > Self.mostFiles ? "\n[cut after \(Self.mostFiles) files: name a directory or glob]" : ""
        return ToolOutput(lines.prefix(Self.mostFiles).map { prefix + $0 }.joined(separator: "\n") + rest)
    }
}
