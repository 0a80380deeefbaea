public import LanguageModels

/// The tools that a model is offered.
public struct Toolbox: Sendable {
    private let tools: [any AgentTool]

    public init(_ tools: [any AgentTool]) {
        self.tools = tools
    }

    /// All that a programmer needs.
    public static let programmer = Toolbox([
        BashTool(), ViewFileTool(), EditFileTool(), WriteFileTool(), SearchTool(), ListFilesTool(), SubmitTool(),
    ])

    /// What planner and reviewer need: the tools that leave the repository as it is, and one to hand their work in.
    static func reader(handingInBy tool: any AgentTool) -> Toolbox {
        Toolbox(programmer.readOnly.tools + [tool])
    }

    /// The tools that leave the repository as it is.
    public var readOnly: Toolbox { Toolbox(tools.filter(\.isReadOnly)) }

    /// What the model is told of the tools.
    public var definitions: [ToolDefinition] { tools.map(\.definition) }

    /// Whether a call leaves the repository as it is. One that names no tool does.
    public func isReadOnly(_ call: ToolCall) -> Bool {
        tool(of: call)?.isReadOnly ?? true
    }

    /// Looks whether a call that a crash cut off had been carried out; see ``AgentTool/settle(_:in:)``.
    public func settle(_ call: ToolCall, in context: ToolContext) async throws -> ToolOutput? {
        guard let tool = tool(of: call), case .object(let values) = call.arguments else { return nil }
        return try await tool.settle(ToolArguments(tool: call.name, values), in: context)
    }

    private func tool(of call: ToolCall) -> (any AgentTool)? {
        tools.first { $0.definition.name == call.name }
    }

    /// Does what a model asks for. Whatever the model got wrong comes back as an output that tells it so.
    ///
    /// - Throws: ``SandboxError`` where the sandbox failed, or `CancellationError`.
    public func call(_ call: ToolCall, in context: ToolContext) async throws -> ToolOutput {
        guard let tool = tool(of: call) else {
            let names = tools.map(\.definition.name).joined(separator: ", ")
            return .error("There is no tool \"\(call.name.prefix(100))\". The tools are: \(names).")
        }
        guard case .object(let values) = call.arguments else {
            return .error(
                "\(call.name): the arguments are not a JSON object; nothing was done. Call it again with valid JSON: "
                    + tool.definition.parametersInShort)
        }
        do {
            return try await tool.call(ToolArguments(tool: call.name, values), in: context)
        } catch let error as ToolArgumentError {
            return .error("\(error.message) Nothing was done. Call it with \(tool.definition.parametersInShort)")
        }
    }
}

extension ToolDefinition {
    /// A definition whose parameters are an object schema.
    ///
    /// - Parameter parameters: Name, JSON type and description of each, in the order to read them in.
    init(
        _ name: String, _ description: String,
        parameters: [(name: String, type: String, description: String)], required: Int
    ) {
        let properties = parameters.map { parameter in
            (
                parameter.name,
                ["type": .string(parameter.type), "description": .string(parameter.description)] as JSONValue
            )
        }
        self.init(
            name: name, description: description,
            parameters: [
                "type": "object",
                "properties": .object(Dictionary(properties, uniquingKeysWith: { first, _ in first })),
                "required": .array(parameters.prefix(required).map { .string($0.name) }),
            ])
    }

    /// The parameters in one line: `{"path": string, "start_line": integer (optional)}`.
    var parametersInShort: String {
        let required = Set((parameters["required"]?.array ?? []).compactMap(\.string))
        let properties = parameters["properties"]?.object ?? [:]
        let words = properties.sorted {
            (required.contains($1.key) ? 1 : 0, $0.key) < (required.contains($0.key) ? 1 : 0, $1.key)
        }
        .map { "\"\($0.key)\": \($0.value["type"]?.string ?? "")\(required.contains($0.key) ? "" : " (optional)")" }
        return "{\(words.joined(separator: ", "))}"
    }
}
