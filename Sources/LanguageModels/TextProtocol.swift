/// How tool calls are written as text. Source of the idea: mini-swe-agent.
struct TextProtocol {
    struct Call: Equatable {
        var name: String
        var arguments: [String: JSONValue]
    }

    private let tools: [ToolDefinition]
    private let offersSubmit: Bool

    init(tools: [ToolDefinition]) {
        self.tools = tools
        self.offersSubmit = tools.contains { $0.name == "submit" }
    }

    // MARK: What the model is told

    /// What is added to the system prompt.
    var instructions: String {
        var lines = [
            "Every reply must contain exactly one fenced code block that says what to do next, after a short thought.",
            "The block is run, and the next message shows its result.",
        ]
        if tools.contains(where: { $0.name == "bash" }) {
            lines += ["", "To run a command:", "", "```bash", "COMMAND", "```"]
        }
        if offersSubmit {
            lines += ["", "When you are done:", "", "```bash", "submit ONE LINE THAT SUMS UP WHAT YOU DID", "```"]
        }
        let others = tools.filter { !["bash", "submit"].contains($0.name) }
        if !others.isEmpty {
            lines += [
                "", "To use a tool:", "", "```json", #"{"tool": "NAME", "arguments": {}}"#, "```", "", "The tools:",
            ]
            lines += others.map { "- \($0.name): \($0.description) Arguments (JSON Schema): \($0.parameters.json)" }
        }
        lines += ["", "Where the block itself holds a line of three backticks, fence it with four."]
        return lines.joined(separator: "\n")
    }

    /// A turn as text.
    func render(_ message: Message) -> Message {
        switch message {
        case .user:
            return message
        case .assistant(let turn):
            let written = call(in: turn.text)
            if turn.toolCalls.isEmpty || turn.toolCalls.map(Call.init) == [written] {
                return .assistant(AssistantTurn(text: turn.text, providerState: turn.providerState))
            }
            let blocks = turn.toolCalls.map { Self.block(for: Call($0)) }
            return .assistant(
                AssistantTurn(text: ([turn.text] + blocks).filter { !$0.isEmpty }.joined(separator: "\n\n")))
        case .toolResults(let results):
            return .user(
                results.map { "\($0.isError ? "Error" : "Result") of \($0.name):\n\n\($0.content)" }
                    .joined(separator: "\n\n"))
        }
    }

    private static func block(for call: Call) -> String {
        let (language, body) =
            switch (call.name, call.arguments["command"]?.string, call.arguments["summary"]?.string) {
            case ("bash", let command?, _): ("bash", command)
            case ("submit", _, let summary?): ("bash", "submit " + summary)
            default:
                ("json", JSONValue.object(["tool": .string(call.name), "arguments": .object(call.arguments)]).json)
            }
        let fence = body.contains("```") ? "````" : "```"
        return "\(fence)\(language)\n\(body)\n\(fence)"
    }

    // MARK: What the model says

    /// The one call in a reply; `nil` where there is none or more than one.
    func call(in text: String) -> Call? {
        let calls = FencedBlock.blocks(in: text).compactMap(call)
        return calls.count == 1 ? calls[0] : nil
    }

    private func call(_ block: FencedBlock) -> Call? {
        switch block.language {
        case "bash", "sh", "shell":
            let words = block.body.split(maxSplits: 1, whereSeparator: \.isWhitespace)
            if offersSubmit, words.first == "submit" {
                let summary = words.count > 1 ? words[1].trimming(while: { $0.isWhitespace || $0 == "\"" }) : ""
                return Call(name: "submit", arguments: ["summary": .string(summary)])
            }
            return Call(name: "bash", arguments: ["command": .string(block.body)])
        case "json":
            guard let json = try? JSONValue(json: block.body), let name = json["tool"]?.string else { return nil }
            return Call(name: name, arguments: json["arguments"]?.object ?? [:])
        default:
            return nil
        }
    }
}

extension TextProtocol.Call {
    init(_ call: ToolCall) { self.init(name: call.name, arguments: call.arguments.object) }
}

extension Substring {
    fileprivate func trimming(while isTrimmed: (Character) -> Bool) -> String {
        var rest = drop(while: isTrimmed)
        while let last = rest.last, isTrimmed(last) { rest.removeLast() }
        return String(rest)
    }
}
