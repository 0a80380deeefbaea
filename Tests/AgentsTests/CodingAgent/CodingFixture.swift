import Agents
import Foundation
import LanguageModels
import Sandboxes
import TaskStore
import Testing
import Workflow

/// The coding agent with real sandboxes and a real store, and a model that says what a test wants.
struct CodingFixture: Sendable {
    let agent: CodingAgent
    private let store: SQLiteRunStore

    /// Runs `body` with an agent whose model, whatever its name, is the given one.
    static func with(
        model: any LanguageModel, _ body: @escaping @Sendable (CodingFixture) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "swe-agent-test-\(UUID().uuidString)")
            .path(percentEncoded: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let provider = try await LocalSandboxProvider(
            root: folder + "/work", settings: LocalSandboxSettings(hasNetwork: false),
            hostEnvironment: ProcessInfo.processInfo.environment)
        let sandboxes = ProgramSandboxes(provider: provider, interpreter: "python3")
        let agent = CodingAgent(settings: CodingSettings(), sandboxes: sandboxes) { _, _ in model }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await sandboxes.host() }
            try await SQLiteRunStore.withStore(in: folder + "/data") { store in
                try await body(CodingFixture(agent: agent, store: store))
            }
            group.cancelAll()
        }
    }

    /// Does a task.
    func result(
        of task: String, options: CodingOptions = CodingOptions(), history: [CodingTurn] = []
    ) async throws -> CodingResult {
        let request = CodingRequest(task: task, model: "scripted", options: options, history: history)
        let id = try await store.submit(
            id: UUID().uuidString, title: task, input: JSONText(request), idempotencyKey: nil)
        return try await agent.execute(store.journal(of: id)) { _ in }
    }
}

/// A model in this process that a script speaks for.
actor ScriptedCompletions: CompletingModel {
    typealias Script =
        @Sendable (_ request: CompletionRequest, _ number: Int) throws -> [CompletionReply.Candidate]

    nonisolated let name = "local/scripted"
    nonisolated let capabilities = ModelCapabilities(toolCalling: false)
    nonisolated let training: ModelTraining
    private let script: Script
    private(set) var requests: [CompletionRequest] = []

    /// - Parameter script: Answers the request of a number, counted from 0.
    init(_ training: ModelTraining, _ script: @escaping Script) {
        self.training = training
        self.script = script
    }

    /// Candidates of which each said all it wanted.
    init(_ training: ModelTraining, _ texts: [[String]]) {
        self.init(training) { _, number in texts[number].map { CompletionReply.Candidate(text: $0, finish: .stop) } }
    }

    nonisolated func reply(
        to request: ModelRequest, onDelta: @escaping @Sendable (ModelDelta) -> Void
    ) async throws -> ModelReply {
        throw ModelError(.invalidRequest, "a completing model is asked for completions")
    }

    func complete(
        _ request: CompletionRequest, onPiece: @escaping @Sendable (CompletionPiece) -> Bool
    ) async throws -> CompletionReply {
        requests.append(request)
        let candidates = try script(request, requests.count - 1)
        for (index, candidate) in candidates.enumerated() {
            _ = onPiece(CompletionPiece(candidate: index, text: candidate.text))
        }
        return CompletionReply(
            candidates: candidates, usage: TokenUsage(inputTokens: 10, outputTokens: 5 * candidates.count))
    }
}
