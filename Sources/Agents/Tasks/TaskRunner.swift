import Foundation
public import LanguageModels
public import Logging
public import Sandboxes
public import Workflow

/// Executes one task from wherever its journal ends, and writes how it ended.
public struct TaskRunner: Sendable {
    public var settings: TaskSettings
    let sandboxes: any SandboxProvider
    let git: GitClient
    let prices: PriceTable
    let makeModel: @Sendable (String) throws -> any LanguageModel
    let logger: Logger

    /// - Parameter makeModel: Makes the model of a name; throws one line that says what to write where it cannot.
    public init(
        settings: TaskSettings,
        sandboxes: any SandboxProvider,
        git: GitClient,
        prices: PriceTable,
        logger: Logger,
        makeModel: @escaping @Sendable (String) throws -> any LanguageModel
    ) {
        self.settings = settings
        self.sandboxes = sandboxes
        self.git = git
        self.prices = prices
        self.logger = logger
        self.makeModel = makeModel
    }

    /// Executes a task to its end, or until a person is asked or the calling task is cancelled. Its files stay.
    ///
    /// - Returns: How it ended, or `.waiting`.
    /// - Throws: `CancellationError` and ``JournalError`` only; the task then goes on when it is executed again.
    public func execute(_ id: String, journal: any Journal) async throws -> RunStatus {
        let history = try await journal.entries(after: 0)
        guard let request: TaskRequest = try history.first?.event.payload?.decode() else {
            throw JournalError("the journal of task \(id) does not begin with a request")
        }
        try await journal.append(RunEvent(.started))
        do {
            let state = try await work(on: request, id, journal, spent: StageClock(history).total)
            let status: RunStatus = state.failure == nil ? .completed : .failed
            try await finish(id, status, state.result(of: modelName(request)), journal)
            return status
        } catch is Interruption {
            return .waiting
        } catch let error where error is CancellationError || error is JournalError || Task.isCancelled {
            throw error
        } catch {
            try await fail(id, request, TaskFailure(error), .failed, journal)
            return .failed
        }
    }

    /// Ends a task that someone asked to cancel, with the change it had come to.
    public func cancel(_ id: String, journal: any Journal) async throws {
        guard let request: TaskRequest = try await journal.entries(after: 0).first?.event.payload?.decode() else {
            return
        }
        try await fail(id, request, TaskFailure(.cancelled, "the task was cancelled"), .cancelled, journal)
    }

    private func modelName(_ request: TaskRequest) -> String { request.model ?? settings.model }

    private static let mirrorSuffix = ".git"

    private func mirror(_ id: String) -> String { "\(settings.repositories)/\(id)\(Self.mirrorSuffix)" }

    private func work(
        on request: TaskRequest, _ id: String, _ journal: any Journal, spent: Duration
    ) async throws -> TaskState {
        let model = try makeModel(modelName(request))
        let remote = try GitURL(request.repoURL, allowLocalPaths: settings.allowLocalRepositories)
        let timeout = request.timeoutSeconds.map { .seconds($0) } ?? settings.timeout
        let budget = Budget(
            limits: Budget.Limits(
                steps: request.maxSteps ?? settings.maxSteps,
                costUSD: request.maxCostUSD ?? settings.maxCostUSD,
                deadline: .now + timeout - spent,
                time: timeout),
            prices: prices)
        return try await budget.beforeDeadline {
            try await work(on: request, id, model, remote, budget, journal)
        }
    }

    private func work(
        on request: TaskRequest, _ id: String, _ model: any LanguageModel, _ remote: GitURL, _ budget: Budget,
        _ journal: any Journal
    ) async throws -> TaskState {
        let graph = try TaskWorkflow.graph()
        return try await sandboxes.withSandbox(id: id) { sandbox in
            let context = TaskContext(
                id: id, request: request, settings: settings, model: model, sandbox: sandbox, git: git,
                remote: remote, mirror: mirror(id), budget: budget)
            if FileManager.default.fileExists(atPath: context.mirror) {
                _ = try await sandbox.provide(repository: context.mirror)
            }
            return try await graph.execute(from: TaskState(), journal: journal, context: context)
        }
    }

    private func fail(
        _ id: String, _ request: TaskRequest, _ failure: TaskFailure, _ status: RunStatus, _ journal: any Journal
    ) async throws {
        let entries = try await journal.entries(after: 0)
        let stored = entries.last { $0.event.kind == .nodeFinished }?.event.payload
        var state: TaskState = try stored?.decode() ?? TaskState()
        let calls = entries.lazy.filter { $0.event.kind == .effectFinished && $0.event.name == ModelCall.effectName }
        let budget = Budget(limits: .none, prices: prices)
        for call in calls { if let call: ModelCall = try call.event.payload?.decode() { await budget.settle(call) } }
        (state.steps, state.usage) = (await budget.steps, await budget.usage)
        if let patch = await partialPatch(id, entries) { state.patch = patch }
        var result = state.result(of: modelName(request))
        result.error = failure
        try await finish(id, status, result, journal)
    }

    /// The change in the programmer's clone, as far as it had come; `nil` where there is none to be had.
    private func partialPatch(_ id: String, _ entries: [JournalEntry]) async -> Patch? {
        let checkedOut = entries.contains { $0.event.kind == .effectFinished && $0.event.name == "check out" }
        let clone = entries.first { $0.event.kind == .effectFinished && $0.event.name == "clone" }
        guard checkedOut, let source = try? clone?.event.payload?.decode(GitMirror.self) else { return nil }
        do {
            let patch = try await sandboxes.withSandbox(id: id) { sandbox in
                _ = try await sandbox.provide(repository: mirror(id))
                return try await WorkspaceGit(sandbox: sandbox, directory: TaskContext.repository(in: sandbox))
                    .diff(against: source.base).patch
            }
            return patch.isEmpty ? nil : patch
        } catch {
            logger.warning("the partial patch could not be saved", metadata: ["task": "\(id)", "error": "\(error)"])
            return nil
        }
    }

    private func finish(
        _ id: String, _ status: RunStatus, _ result: TaskResult, _ journal: any Journal
    ) async throws {
        var result = result
        result.seconds = StageClock(try await journal.entries(after: 0)).stages.mapValues {
            $0.seconds.rounded(places: 3)
        }
        if let failure = result.error {
            try await journal.append(RunEvent(.log, name: "log", detail: "FAILED: \(failure.message)"))
        }
        try await journal.record(RunEvent(.finished, detail: status.rawValue, payload: JSONText(result)))
    }

    /// Ends and removes what a service that was killed left behind: programs that still run for it, and the files of
    /// tasks that had ended.
    func clearLeftovers(endedAmong hasEnded: (_ id: String) async throws -> Bool) async throws {
        git.killLeftovers()
        guard !settings.keepWorkspaces else { return }
        let mirrors = (try? FileManager.default.contentsOfDirectory(atPath: settings.repositories)) ?? []
        let ids = mirrors.filter { $0.hasSuffix(Self.mirrorSuffix) }.map {
            String($0.dropLast(Self.mirrorSuffix.count))
        }
        for id in try await Set(ids + sandboxes.existing()) where try await hasEnded(id) { await removeFiles(of: id) }
    }

    /// Removes what a task that has ended left, on the host and in the cluster, unless it is to be kept.
    func removeFiles(of id: String) async {
        guard !settings.keepWorkspaces else { return }
        // A task of its own that is waited for: who has seen the end of the task may end this one already, and in a
        // cancelled one no pod would be deleted.
        await Task {
            do {
                try await sandboxes.remove(id: id)
                if FileManager.default.fileExists(atPath: mirror(id)) {
                    try FileManager.default.removeItem(atPath: mirror(id))
                }
            } catch {
                logger.warning(
                    "files of a task could not be removed", metadata: ["task": "\(id)", "error": "\(error)"])
            }
        }.value
    }
}

extension TaskFailure {
    /// An error of the workflow in the terms of its user.
    init(_ error: any Error) {
        switch error {
        case let failure as TaskFailure: self = failure
        case let effect as EffectFailure:
            self.init(Code(rawValue: effect.kind) ?? .internal, effect.message)
        case let failure as any FailureKind: self.init(Code(rawValue: failure.failureKind) ?? .internal, "\(error)")
        default: self.init(.internal, "\(error)")
        }
    }
}

extension TaskFailure: FailureKind {
    public var failureKind: String { code.rawValue }
}

extension SandboxError: FailureKind {
    public var failureKind: String { TaskFailure.Code.sandbox.rawValue }
}

extension GitError: FailureKind {
    public var failureKind: String {
        let code: TaskFailure.Code =
            switch kind {
            case .emptyRepository, .branchNotFound, .unauthorized, .notFound, .unreachable, .timeout, .tooLarge,
                .failed:
                .repository
            case .invalidPatch, .patchTooLarge: .unusableChange
            }
        return code.rawValue
    }
}

extension Budget.Limits {
    /// For counting only.
    static var none: Budget.Limits {
        Budget.Limits(steps: .max, deadline: .now + .seconds(1), time: .zero)
    }
}
