public import LanguageModels
import Sandboxes

/// `edit_file`: replaces a text in a file, where it is found exactly.
public struct EditFileTool: AgentTool {
    public init() {}

    public let isReadOnly = false

    public let definition = ToolDefinition(
        "edit_file",
        """
        Replaces a text in an existing file. old_text must be in the file exactly, white space included, and, unless \
        replace_all is true, exactly once: add lines around it until it is unique.
        """,
        parameters: [
            ("path", "string", "The file, relative to the repository."),
            ("old_text", "string", "The text to replace, as it is in the file."),
            ("new_text", "string", "The text to put in its place; empty to remove it."),
            ("replace_all", "boolean", "Replace every occurrence."),
        ],
        required: 3)

    /// The largest file that is edited, before and after.
    private static let largestFile = 8 << 20

    public func call(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        let (path, edit) = try read(arguments, in: context)
        do {
            let bytes = try await context.sandbox.readFile(path.absolute, limit: Self.largestFile)
            guard !FileLines.isBinary(bytes) else { return .error("edit_file: \(path.name) is a binary file.") }
            switch edit.apply(to: bytes, limit: Self.largestFile) {
            case .edited(let result, let lines):
                try await context.sandbox.writeFile(path.absolute, result)
                // Leaves a record that the edit is done, as that cannot always be told from the file.
                if let id = context.commandID {
                    _ = try await context.sandbox.run(SandboxCommand(":", timeout: context.commandTimeout, id: id))
                }
                return ToolOutput(Self.report(result, lines: lines, inserted: edit.newLineCount, path: path))
            case .refused(let reason):
                return .error("edit_file: \(path.name) is unchanged: \(reason)")
            }
        } catch let error as SandboxError {
            switch error.kind {
            case .notFound: return .error("edit_file: there is no file \(path.name); write_file makes new files.")
            case .isDirectory: return .error("edit_file: \(path.name) is a directory.")
            case .tooLarge:
                return .error(
                    "edit_file: \(path.name) is larger than \(Self.largestFile >> 20) MiB: edit it with bash.")
            case .failed: return .error("edit_file: \(error.message)")
            case .unavailable: throw error
            }
        }
    }

    public func settle(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput? {
        let (path, edit) = try read(arguments, in: context)
        guard let bytes = try? await context.sandbox.readFile(path.absolute, limit: Self.largestFile) else {
            return nil
        }
        if let id = context.commandID, try await context.sandbox.outcome(ofCommand: id) != nil {
            return ToolOutput("Edited \(path.name).")
        }
        // Where the old text is gone and the new one stands, the edit had been made, too.
        let undo = TextEdit(old: edit.new, new: edit.old, replaceAll: true)
        guard case .refused = edit.apply(to: bytes, limit: Self.largestFile),
            case .edited(_, let lines) = undo.apply(to: bytes, limit: Self.largestFile)
        else { return nil }
        return ToolOutput(Self.report(bytes, lines: lines, inserted: edit.newLineCount, path: path))
    }

    private func read(
        _ arguments: ToolArguments, in context: ToolContext
    ) throws(ToolArgumentError) -> (RepositoryPath, TextEdit) {
        let edit = TextEdit(
            old: Array(try arguments.string("old_text").utf8),
            new: Array(try arguments.string("new_text").utf8),
            replaceAll: try arguments.flag("replace_all"))
        return (try RepositoryPath(try arguments.string("path"), in: context.directory), edit)
    }

    /// What the file looks like now around the first place.
    private static func report(_ bytes: [UInt8], lines: [Int], inserted: Int, path: RepositoryPath) -> String {
        let file = FileLines(bytes)
        let places = lines.count == 1 ? "line \(lines[0] + 1)" : "\(lines.count) places"
        let from = max(0, lines[0] - 3)
        let to = min(file.count, lines[0] + min(inserted, 20) + 3)
        guard from < to else { return "Edited \(path.name), \(places)." }
        return "Edited \(path.name), \(places). It now reads:\n" + file.numbered(from..<to, limit: 4096).text
    }
}
