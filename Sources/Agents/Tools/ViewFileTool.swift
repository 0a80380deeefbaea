public import LanguageModels
import Sandboxes

/// `view_file`: shows lines of a file, or what is in a directory.
public struct ViewFileTool: AgentTool {
    public init() {}

    public let isReadOnly = true

    public let definition = ToolDefinition(
        "view_file",
        "Shows a file with line numbers, or the entries of a directory. The numbers and the tab after them are not part "
            + "of the file.",
        parameters: [
            ("path", "string", "The file or directory, relative to the repository."),
            ("start_line", "integer", "The first line to show, from 1."),
            ("end_line", "integer", "The last line to show."),
        ],
        required: 1)

    /// The largest file that is read.
    private static let largestFile = 8 << 20

    public func call(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        let path = try RepositoryPath(try arguments.string("path"), in: context.directory)
        let start = max(1, try arguments.optionalInteger("start_line") ?? 1)
        let end = try arguments.optionalInteger("end_line") ?? .max
        let bytes: [UInt8]
        do {
            bytes = try await context.sandbox.readFile(path.absolute, limit: Self.largestFile)
        } catch let error as SandboxError {
            switch error.kind {
            case .isDirectory: return try await list(path, in: context)
            case .notFound: return .error("view_file: there is no file \(path.name). Use list_files to find it.")
            case .tooLarge:
                return .error(
                    "view_file: \(path.name) is larger than \(Self.largestFile >> 20) MiB: read parts of it with bash.")
            case .failed: return .error("view_file: \(error.message)")
            case .unavailable: throw error
            }
        }
        guard !FileLines.isBinary(bytes) else {
            return ToolOutput("\(path.name) is a binary file of \(bytes.count) bytes.")
        }
        guard !bytes.isEmpty else { return ToolOutput("\(path.name) is empty.") }
        return show(FileLines(bytes), of: path, from: start, to: end, limit: context.outputLimit)
    }

    private func show(_ lines: FileLines, of path: RepositoryPath, from start: Int, to end: Int, limit: Int)
        -> ToolOutput
    {
        guard start <= lines.count else {
            return .error("view_file: \(path.name) has \(lines.count) lines; there is no line \(start).")
        }
        guard start <= end else { return .error("view_file: end_line \(end) is before start_line \(start).") }
        let last = min(end, lines.count)
        let (text, shown) = lines.numbered((start - 1)..<last, limit: limit)
        var content = "\(path.name), lines \(start) to \(shown) of \(lines.count):\n\(text)"
        if shown < last { content += "[cut at \(limit) bytes: go on with start_line \(shown + 1)]\n" }
        return ToolOutput(content)
    }

    private func list(_ path: RepositoryPath, in context: ToolContext) async throws -> ToolOutput {
        let limit = 300
        let script = ShellScript(#"cd -- "$1" && ls -1Ap | head -n "$2""#, [path.absolute, String(limit + 1)])
        let outcome = try await script.run(in: context.sandbox, timeout: context.commandTimeout)
        let entries = outcome.output.split(separator: "\n")
        let rest = entries.count > limit ? "\n[more than \(limit) entries: the rest is left out]" : ""
        return ToolOutput(
            "\(path.name) is a directory:\n" + entries.prefix(limit).joined(separator: "\n") + rest,
            isError: !outcome.succeeded)
    }
}
