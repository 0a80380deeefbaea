public import LanguageModels

/// `submit`: ends the work and says what was done.
public struct SubmitTool: AgentTool {
    public init() {}

    public let isReadOnly = false

    public let definition = ToolDefinition(
        "submit",
        "Ends the work. Call it once the change is complete and tested. The repository is taken as it is then.",
        parameters: [("summary", "string", "What was changed and why, in a few sentences for the reviewer.")],
        required: 1)

    public func call(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        let summary = try arguments.string("summary")
        return ToolOutput("Submitted.", submission: summary)
    }
}
