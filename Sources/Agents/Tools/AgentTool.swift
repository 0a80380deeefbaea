public import LanguageModels
public import Sandboxes

/// Something a model can do in the sandbox.
///
/// To add a tool, write one file with one conforming type and put it in a ``Toolbox``.
public protocol AgentTool: Sendable {
    /// What the model is told of the tool.
    var definition: ToolDefinition { get }

    /// Whether a call leaves the repository as it is, so that the planner may have the tool.
    var isReadOnly: Bool { get }

    /// Does what the model asks for.
    ///
    /// - Returns: What the model gets to read. What the model did wrong is an output that says so, not an error.
    /// - Throws: ``ToolArgumentError``, ``SandboxError`` where the sandbox failed, or `CancellationError`.
    func call(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput
}

/// Where and within which limits a tool works.
public struct ToolContext: Sendable {
    public var sandbox: any Sandbox
    /// The repository's directory, as commands in the sandbox see it: absolute, without `/` at the end.
    public var directory: String
    /// The longest that one command may run.
    public var commandTimeout: Duration
    /// The most bytes of output that the model gets to read from one call.
    public var outputLimit: Int
    /// Set for a call that must not run twice; see ``SandboxCommand/id``.
    public var commandID: String?

    public init(
        sandbox: any Sandbox,
        directory: String,
        commandTimeout: Duration = .seconds(120),
        outputLimit: Int = 16 * 1024,
        commandID: String? = nil
    ) {
        self.sandbox = sandbox
        self.directory = directory
        self.commandTimeout = commandTimeout
        self.outputLimit = outputLimit
        self.commandID = commandID
    }
}

/// What a tool answers.
public struct ToolOutput: Codable, Sendable, Hashable {
    public var content: String
    public var isError: Bool
    /// What the model hands in, where the call ends its work.
    public var submission: String?

    public init(_ content: String, isError: Bool = false, submission: String? = nil) {
        self.content = content
        self.isError = isError
        self.submission = submission
    }

    /// An output that tells the model what it did wrong.
    static func error(_ message: String) -> ToolOutput {
        ToolOutput(message, isError: true)
    }
}
