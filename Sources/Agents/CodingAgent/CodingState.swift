public import LanguageModels

/// The stages of a coding task.
public enum CodingStage: String, CaseIterable, Codable, Sendable {
    case generate, check, execute, fix
}

/// What stages hand on to one another; written to the journal after each.
struct CodingState: Codable, Sendable {
    /// What the model wrote last.
    var generation: Generation?
    /// What of it are programs.
    var check: ProgramCheck?
    var attempts: [CodingAttempt] = []
    var usage = TokenUsage()

    /// Whether the last attempt works.
    var succeeded: Bool { attempts.last?.failure == nil && !attempts.isEmpty }
}

/// A program that was tried, and what came of it.
public struct CodingAttempt: Codable, Sendable, Hashable {
    /// From 1.
    public var number: Int
    /// How many candidates the model wrote, and how many of them are different programs.
    public var candidates: Int
    public var programs: Int
    /// The program that won, or the one that says most about what went wrong.
    public var code: String
    /// `nil` where no candidate is a program.
    public var execution: ProgramExecution?
    /// Why it does not work, in one line; `nil` where it does.
    public var failure: String?
    public var seconds: Seconds

    /// How long what took.
    public struct Seconds: Codable, Sendable, Hashable {
        public var generate: Double
        public var check: Double
        public var execute: Double
    }

    /// What was printed, a traceback among it, or why it is no program.
    public var output: String { execution?.output ?? failure ?? "" }
}

/// How a program ended.
public struct ProgramExecution: Codable, Sendable, Hashable {
    /// The exit code, 128 + signal after a signal; `nil` after a timeout.
    public var exitCode: Int?
    /// Standard output and standard error as they came, cut in the middle where they were too long.
    public var output: String
    /// The bytes left out of ``output``.
    public var omittedBytes: Int
    public var timedOut: Bool
    /// Whether it left files in its directory.
    public var madeFiles: Bool
    public var seconds: Double

    /// Whether something was printed that can be seen.
    var isSilent: Bool { output.allSatisfy(\.isWhitespace) }
}

/// How a coding task ended.
public struct CodingResult: Codable, Sendable, Hashable {
    public enum Status: String, Codable, Sendable {
        case success = "SUCCESS"
        case failed = "FAILED"
        case cancelled = "CANCELLED"
    }

    public var status: Status
    public var task: String
    public var model: String
    /// The final program and what it printed; empty where there is none.
    public var code: String
    public var output: String
    public var exitCode: Int?
    public var attempts: [CodingAttempt]
    /// Why it failed, in one line.
    public var error: String?
    public var usage: TokenUsage
    /// How long each stage took in all, by its name.
    public var seconds: [String: Double]

    init(_ status: Status, _ request: CodingRequest, _ state: CodingState, error: String? = nil) {
        self.status = status
        task = request.task
        model = request.model
        attempts = state.attempts
        code = state.attempts.last?.code ?? ""
        output = state.attempts.last?.execution?.output ?? ""
        exitCode = state.attempts.last?.execution?.exitCode
        self.error = error
        usage = state.usage
        seconds = [:]
    }
}
