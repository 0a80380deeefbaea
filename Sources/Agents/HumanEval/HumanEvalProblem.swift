public import Foundation

/// A problem in HumanEval's format: a function to complete, and a test of it. Source: Chen et al. 2021,
/// https://arxiv.org/abs/2107.03374, and https://github.com/openai/human-eval.
public struct HumanEvalProblem: Codable, Sendable, Hashable {
    public var taskID: String
    /// The beginning of a program, up to the function's documentation.
    public var prompt: String
    /// The function's name.
    public var entryPoint: String
    /// The rest of the function, as its author wrote it.
    public var canonicalSolution: String
    /// Defines `check(candidate)`, which raises an error where the function is wrong.
    public var test: String

    enum CodingKeys: String, CodingKey {
        case taskID = "task_id"
        case prompt
        case entryPoint = "entry_point"
        case canonicalSolution = "canonical_solution"
        case test
    }

    /// Reads a file of problems, one JSON object a line.
    ///
    /// - Throws: ``HumanEvalError``.
    public static func problems(file: URL) throws -> [HumanEvalProblem] {
        let name = file.path(percentEncoded: false)
        let data: Data
        do {
            data = try Data(contentsOf: file)
        } catch {
            throw HumanEvalError("cannot read \(name): \(error.localizedDescription)")
        }
        if data.starts(with: [0x1F, 0x8B]) { throw HumanEvalError("\(name) is compressed; unpack it with gunzip") }
        var problems: [HumanEvalProblem] = []
        for (index, line) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
        where !line.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }) {
            guard let problem = try? JSONDecoder().decode(HumanEvalProblem.self, from: line),
                problem.entryPoint.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_]*/) != nil
            else {
                throw HumanEvalError(
                    "line \(index + 1) of \(name) is no problem: it needs task_id, prompt, entry_point, canonical_solution and test"
                )
            }
            problems.append(problem)
        }
        let ids = Set(problems.map(\.taskID))
        guard !problems.isEmpty, ids.count == problems.count else {
            throw HumanEvalError(problems.isEmpty ? "\(name) has no problem" : "\(name) has a task_id twice")
        }
        return problems
    }

    /// A program of the function as a model wrote it, and the test; it prints the mark once the test has passed.
    func program(testing source: String, mark: String) -> String {
        "\(source)\n\n\(test)\n\ncheck(\(entryPoint))\nprint(\"\\n\(mark)\")\n"
    }

    /// What stands before the function: imports and helpers, which models leave out of their answers.
    var preamble: Substring {
        prompt.ranges(of: "def \(entryPoint)(").last.map { prompt[..<$0.lowerBound] } ?? ""
    }
}

/// Why problems or samples cannot be used, in one line.
public struct HumanEvalError: Error, Sendable, CustomStringConvertible {
    public var description: String

    public init(_ description: String) {
        self.description = description
    }
}
