public import LanguageModels
public import Workflow

/// Writes a program for a task, runs it in a sandbox and fixes it while it fails.
public struct CodingAgent: Sendable {
    public static let defaultFixes = 3

    let settings: CodingSettings
    let sandboxes: ProgramSandboxes
    let makeModel: MakeModel

    /// Makes the model of a name; the closure is called with one line before a model call is tried again.
    public typealias MakeModel =
        @Sendable (_ name: String, _ onRetry: @escaping @Sendable (String) -> Void) throws -> any LanguageModel

    public init(settings: CodingSettings, sandboxes: ProgramSandboxes, makeModel: @escaping MakeModel) {
        self.settings = settings
        self.sandboxes = sandboxes
        self.makeModel = makeModel
    }

    /// The workflow as a Mermaid flowchart.
    public static func mermaid() throws -> String { try graph(fixes: defaultFixes).mermaid }

    static func graph(fixes: Int) throws -> Graph<CodingStage, CodingState, CodingContext> {
        try Graph("coding-agent", start: .generate) { graph in
            graph.node(.generate) { state, run, context in try await context.generate(&state, run) }
            graph.node(.check, visits: fixes + 1) { state, run, context in try await context.check(&state, run) }
            graph.node(.execute, visits: fixes + 1) { state, run, context in try await context.execute(&state, run) }
            graph.node(.fix, visits: max(fixes, 1)) { state, run, context in try await context.generate(&state, run) }

            graph.edge(from: .generate, to: .check)
            graph.branch(
                from: .check,
                to: [
                    .node(.execute, when: "a program parses"), .node(.fix, when: "none parses"),
                    .end(when: "none parses after the last fix"),
                ]
            ) { state in
                if state.check?.programs.isEmpty == false { return .node(.execute) }
                return state.attempts.count > fixes ? .end : .node(.fix)
            }
            graph.branch(
                from: .execute,
                to: [.end(when: "it works"), .node(.fix, when: "it fails"), .end(when: "it fails after the last fix")]
            ) { state in
                state.succeeded || state.attempts.count > fixes ? .end : .node(.fix)
            }
            graph.edge(from: .fix, to: .check)
        }
    }

    /// Executes a task from wherever its journal ends, and writes how it ended.
    ///
    /// - Parameters:
    ///   - journal: Its first entry is the submission with the ``CodingRequest``.
    ///   - onEvent: Called with what happens, in order.
    /// - Returns: The result, also of a task that failed.
    /// - Throws: `CancellationError` and ``JournalError`` only; the task then goes on when it is executed again.
    public func execute(
        _ journal: any Journal, onEvent: @escaping @Sendable (CodingEvent) -> Void
    ) async throws -> CodingResult {
        let progress = try CodingProgress(await journal.entries(after: 0))
        if let result = progress.result { return result }
        let request = progress.request
        try await journal.append(RunEvent(.started))
        do {
            let model = try makeModel(request.model) { onEvent(.notice($0)) }
            let context = CodingContext(
                request: request, settings: settings, model: model,
                training: try await (model as? any CompletingModel)?.training, sandboxes: sandboxes, onEvent: onEvent)
            let state = try await Self.graph(fixes: request.options.fixes)
                .execute(from: CodingState(), journal: journal, context: context)
            let result = CodingResult(
                state.succeeded ? .success : .failed, request, state, error: state.attempts.last?.failure)
            return try await finish(result, journal)
        } catch let error where error is CancellationError || error is JournalError || Task.isCancelled {
            throw error
        } catch {
            let state = try CodingProgress(await journal.entries(after: 0)).state
            return try await finish(CodingResult(.failed, request, state, error: "\(error)"), journal)
        }
    }

    /// Ends a task that is not to go on, with what it had come to.
    public func cancel(_ journal: any Journal) async throws -> CodingResult {
        let progress = try CodingProgress(await journal.entries(after: 0))
        if let result = progress.result { return result }
        return try await finish(
            CodingResult(.cancelled, progress.request, progress.state, error: "cancelled"), journal)
    }

    /// Runs a program once more, as it is.
    public func run(_ code: String, onEvent: @escaping @Sendable (CodingEvent) -> Void) async throws {
        onEvent(.began(.execute, attempt: 1, reason: nil))
        let runner = ProgramRunner(settings: settings, sandboxes: sandboxes)
        let (execution, sandbox) = try await runner.run(code, hold: true) { onEvent(.output($0)) }
        await sandboxes.keepFiles(of: sandbox)
        let failure = ProgramJudge(task: "", prints: false, timeout: settings.timeout).failure(of: execution)
        onEvent(
            .attempted(
                CodingAttempt(
                    number: 1, candidates: 1, programs: 1, code: code, execution: execution, failure: failure,
                    seconds: CodingAttempt.Seconds(generate: 0, check: 0, execute: execution.seconds))))
    }

    private func finish(_ result: CodingResult, _ journal: any Journal) async throws -> CodingResult {
        var result = result
        result.seconds = StageClock(try await journal.entries(after: 0)).stages
            .mapValues { $0.seconds.rounded(places: 3) }
        let status: RunStatus =
            switch result.status {
            case .success: .completed
            case .failed: .failed
            case .cancelled: .cancelled
            }
        try await journal.record(RunEvent(.finished, detail: status.rawValue, payload: JSONText(result)))
        return result
    }
}

/// How programs are run.
public struct CodingSettings: Sendable {
    /// The time that a program may run.
    public var timeout: Duration = .seconds(60)
    /// The bytes of its output that are kept.
    public var outputLimit = 64 * 1024
    /// The MiB of address space that each of its processes may have.
    public var memory = 4096
    /// The MiB that a file may have.
    public var fileSize = 512
    /// The processes it may have; `nil` where the sandbox cannot tell them from others of the user.
    public var processes: Int?

    public init() {}
}

/// What the stages of one task work with.
struct CodingContext: Sendable {
    var request: CodingRequest
    var settings: CodingSettings
    var model: any LanguageModel
    /// What the model was trained for, where it runs in this process.
    var training: ModelTraining?
    var sandboxes: ProgramSandboxes
    var onEvent: @Sendable (CodingEvent) -> Void
}

/// How far a task has come: the fold of its journal.
public struct CodingProgress: Sendable {
    public let request: CodingRequest
    /// The stage that was entered last.
    public private(set) var stage: CodingStage?
    /// `nil` while it has not ended.
    public private(set) var result: CodingResult?
    private(set) var state = CodingState()

    public var attempts: [CodingAttempt] { state.attempts }

    /// - Throws: ``JournalError`` where the journal is not one of a coding task, or `DecodingError`.
    public init(_ entries: [JournalEntry]) throws {
        guard let request: CodingRequest = try entries.first?.event.payload?.decode() else {
            throw JournalError("the journal does not begin with a coding task")
        }
        self.request = request
        for event in entries.lazy.map(\.event) {
            switch event.kind {
            case .nodeStarted: stage = event.name.flatMap(CodingStage.init(rawValue:))
            case .nodeFinished: if let state: CodingState = try event.payload?.decode() { self.state = state }
            case .finished: result = try event.payload?.decode()
            default: break
            }
        }
    }
}
