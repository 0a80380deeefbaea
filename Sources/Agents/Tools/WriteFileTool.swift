public import LanguageModels
import Sandboxes

/// `write_file`: makes a file, or replaces all of it.
public struct WriteFileTool: AgentTool {
    public init() {}

    public let isReadOnly = false

    public let definition = ToolDefinition(
        "write_file",
        "Writes a whole file, with the folders it needs; what the file held before is replaced. "
            + "To change a part of a file use edit_file.",
        parameters: [
            ("path", "string", "The file, relative to the repository."),
            ("content", "string", "All that the file is to hold."),
        ],
        required: 2)

    public func call(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        let path = try RepositoryPath(try arguments.string("path"), in: context.directory)
        let content = Array(try arguments.string("content").utf8)
        do {
            try await context.sandbox.writeFile(path.absolute, content)
        } catch let error as SandboxError where error.kind != .unavailable {
            return .error("write_file: \(path.name) was not written: \(error.message)")
        }
        let lines = FileLines(content).count
        return ToolOutput("Wrote \(path.name): \(lines) \(lines == 1 ? "line" : "lines"), \(content.count) bytes.")
    }
}
