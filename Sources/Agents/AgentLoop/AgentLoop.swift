import LanguageModels
import Workflow

/// A model that works with tools until it hands something in.
///
/// Every model call and every tool call is an effect of the run: after a crash the loop runs again from the top and
/// comes back, without calling anything twice, to where it was.
struct AgentLoop: Sendable {
    /// The name of the conversation, unique within the task: `programmer`, `programmer-2`.
    var conversation: String
    var model: any LanguageModel
    var toolbox: Toolbox
    var tools: ToolContext
    var budget: Budget
    var run: Run

    /// Talks until a tool accepts a submission.
    ///
    /// - Returns: What was submitted.
    /// - Throws: ``TaskFailure`` when a budget ends, the model fails for good or makes no progress.
    func converse(system: String, task: String) async throws -> String {
        var messages: [Message] = [.user(task)]
        var repetition = RepetitionGuard()
        while true {
            let reply = try await query(system: system, messages: messages)
            messages.append(.assistant(reply.turn))
            let outputs = try await execute(reply)
            messages.append(answer(to: reply, outputs))
            if let submission = outputs.compactMap(\.submission).last { return submission }
            if let warning = try repetition.observe(reply.turn, outputs) { messages.append(.user(warning)) }
        }
    }

    /// Asks the model, within the budget.
    private func query(system: String, messages: [Message]) async throws -> ModelReply {
        let request = ModelRequest(
            conversation: conversation, system: system, messages: ContextWindow.fit(messages, of: model),
            tools: toolbox.definitions)
        let call: ModelCall = try await run.effect(ModelCall.effectName) {
            try await ModelCall.make(request, saying: messages.unanswered, to: model, within: budget)
        }
        await budget.settle(call)
        if let standIn = call.reply.standIn { try await run.log("\(standIn) stood in for \(model.name)") }
        return call.reply
    }

    /// Runs the tools the model called, in order.
    private func execute(_ reply: ModelReply) async throws -> [ToolOutput] {
        var outputs: [ToolOutput] = []
        for call in reply.turn.toolCalls {
            let record: ToolRecord = try await run.effect(
                "tool \(call.name)", kind: toolbox.isReadOnly(call) ? .repeatable : .once
            ) { key in
                try await toolbox.settle(call, in: context(for: key)).map { ToolRecord(conversation, call, $0) }
            } _: { key in
                ToolRecord(conversation, call, try await toolbox.call(call, in: context(for: key)))
            }
            outputs.append(record.output)
        }
        return outputs
    }

    private func context(for key: String) throws -> ToolContext {
        var context = tools
        context.commandTimeout = try budget.clamp(tools.commandTimeout)
        context.commandID = key.map { $0.isLetter || $0.isNumber ? String($0) : "." }.joined()
        return context
    }

    private func answer(to reply: ModelReply, _ outputs: [ToolOutput]) -> Message {
        guard outputs.isEmpty else {
            return .toolResults(
                zip(reply.turn.toolCalls, outputs).map { call, output in
                    let cut = reply.finish == .length && output.isError ? "\n" + Prompts.cutOff : ""
                    return ToolResult(
                        callID: call.id, name: call.name, content: output.content + cut, isError: output.isError)
                })
        }
        return .user(reply.finish == .length ? Prompts.cutOff : Prompts.callATool(toolbox))
    }
}

extension [Message] {
    /// What was said since the model's last turn, other than tool results.
    fileprivate var unanswered: [String] {
        let last = lastIndex { if case .assistant = $0 { true } else { false } }
        return self[(last.map { $0 + 1 } ?? 0)...].compactMap { if case .user(let text) = $0 { text } else { nil } }
    }
}
