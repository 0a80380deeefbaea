/// Says whether an execution is a success.
///
/// An exit code of 0 is one, unless nothing came of it: a program that printed nothing and left no file, although it calls
/// `print` or the task asks for something to be shown, has most likely defined functions and called none.
struct ProgramJudge: Sendable {
    var task: String
    /// Whether the program calls something that prints.
    var prints: Bool
    var timeout: Duration

    /// Why it does not work, in one line; `nil` where it does.
    func failure(of execution: ProgramExecution) -> String? {
        if execution.timedOut { return "it ran longer than \(Int(timeout.seconds)) s and was stopped" }
        switch execution.exitCode {
        case 0?:
            let expectsOutput = prints || Self.asksForOutput(task)
            return execution.isSilent && !execution.madeFiles && expectsOutput
                ? "it ended without printing anything: call what it defines, and print the result" : nil
        case let code? where code > 128 && code < 160: return "it was ended by signal \(code - 128)"
        case let code?: return Self.error(in: execution.output) ?? "it ended with exit code \(code)"
        case nil: return "it was killed"
        }
    }

    private static func asksForOutput(_ task: String) -> Bool {
        task.lowercased().split { !$0.isLetter }.contains { outputWords.contains(String($0)) }
    }

    private static let outputWords: Set<String> = [
        "print", "prints", "show", "shows", "display", "displays", "output", "outputs", "calculate", "calculates",
        "compute", "computes", "count", "counts", "list", "lists", "find", "finds", "solve", "solves", "sum", "tell",
        "demonstrate", "test", "tests",
    ]

    /// The error that a traceback ends with, and the line of the program that it comes from.
    static func error(in output: String) -> String? {
        guard
            let start = output.firstRange(of: "Traceback (most recent call last):")
                ?? output.firstRange(of: "  File \"")
        else { return nil }
        let lines = output[start.lowerBound...].split(separator: "\n")
        guard
            let error = lines.last(where: { line in
                line.first?.isLetter == true && !line.hasPrefix("Traceback") && !line.hasPrefix("During handling")
            })
        else { return nil }
        let place = lines.last { $0.contains("File \"main.py\", line ") || $0.contains("/main.py\", line ") }
        let number = place?.firstMatch(of: /line (\d+)/)?.1
        return String(error.prefix(300)) + (number.map { " (line \($0))" } ?? "")
    }
}
