import LanguageModels

/// What models are told: a conversation for those that answer, the beginning of a file for those that continue.
enum CodingPrompts {
    static let system = """
        You write small Python 3 programs that run at once, without any input from the user. Answer with the complete \
        program in one fenced block that begins with ```python, and keep any explanation to a sentence before it. The \
        program must print its result. It runs in a sandbox: a directory of its own, no network, the standard library, \
        and nobody at the keyboard, so never call input().
        """

    /// The conversation up to where the model is to write the next program.
    static func messages(_ request: CodingRequest, _ attempts: [CodingAttempt]) -> [Message] {
        var messages: [Message] = []
        for turn in request.history {
            messages.append(.user(turn.task))
            messages.append(.assistant(AssistantTurn(text: block(turn.code, "python"))))
        }
        messages.append(.user(request.task))
        for attempt in attempts {
            messages.append(.assistant(AssistantTurn(text: block(attempt.code, "python"))))
            messages.append(.user(complaint(attempt)))
        }
        return messages
    }

    private static func complaint(_ attempt: CodingAttempt) -> String {
        let failure = attempt.failure ?? ""
        guard let execution = attempt.execution else {
            return """
                That is not a program that can be run: \(failure)

                Write the complete, corrected program in one fenced Python block.
                """
        }
        let output =
            execution.isSilent ? "It printed nothing." : "It printed:\n\n\(block(tail(execution.output), ""))"
        return """
            The program does not work: \(failure)

            \(output)

            Find the cause, and write the complete, corrected program in one fenced Python block.
            """
    }

    /// A fence that the text itself does not close.
    private static func block(_ text: String, _ language: String) -> String {
        var fence = "```"
        while text.contains(fence) { fence += "`" }
        return "\(fence)\(language)\n\(text)\(text.hasSuffix("\n") ? "" : "\n")\(fence)"
    }

    /// The end of what a program printed: the part with the error.
    private static func tail(_ output: String) -> String {
        output.count > 4000 ? "…" + output.suffix(4000) : output
    }

    // MARK: Base models

    /// What every program of a base model begins with: a function to write the body of, so that it writes code.
    static let stub = "def main():\n"

    /// Where a base model goes on to another file or another task.
    static let stops = ["\n# Task:", "\n#!/", "\n```", "<|endoftext|>"]

    /// The comment at the head of the file, with the program that failed where there is one.
    static func beginning(_ task: String, after failed: CodingAttempt?) -> String {
        let lines = task.split(whereSeparator: \.isNewline).map { "# \($0)" }.joined(separator: "\n")
        let task = "# Task: \(lines.dropFirst(2))"
        guard let failed else {
            return "#!/usr/bin/env python3\n\(task)\n# The program prints the result.\n\n"
        }
        let failure = (failed.failure ?? "").split(whereSeparator: \.isNewline).first ?? ""
        return """
            #!/usr/bin/env python3
            \(task)
            # The first version does not work:

            \(failed.code.trimmingSuffix(while: \.isNewline))

            # \(failure)
            # The corrected version, which prints the result:


            """
    }
}

extension String {
    func trimmingSuffix(while isTrimmed: (Character) -> Bool) -> Substring {
        var rest = self[...]
        while let last = rest.last, isTrimmed(last) { rest.removeLast() }
        return rest
    }
}
