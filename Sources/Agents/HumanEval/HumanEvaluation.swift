import Foundation
public import LanguageModels

/// Has a model solve HumanEval's problems through the coding agent's own parts: its prompts, its cutting, its sandboxes.
public struct HumanEvaluation: Sendable {
    private let agent: CodingAgent
    private let model: any LanguageModel
    private let training: ModelTraining?
    private let options: CodingOptions
    private let samples: Int

    /// - Throws: ``ModelError`` where the model cannot be loaded.
    public init(agent: CodingAgent, model: any LanguageModel, options: CodingOptions) async throws {
        self.agent = agent
        self.model = model
        training = try await (model as? any CompletingModel)?.training
        samples = options.samples ?? 1
        self.options = options
    }

    /// How many problems are worked on at a time: the batch of a model in this process is that of one problem.
    public var parallelism: Int { training == nil ? 4 : 1 }

    /// Where a completed function is over (as in the original's evaluation of Codex).
    private static let stops = ["\nclass ", "\ndef ", "\n#", "\n@", "\nif ", "\nprint(", "\nassert ", "<|endoftext|>"]

    /// One temperature for all samples of a problem, as pass@k is about equals: low for one, higher for several.
    private var sampling: [CompletionSampling] {
        (0..<samples).map { index in
            var sampling = options.sampling(count: 1)[0]
            sampling.temperature = options.temperature ?? (samples == 1 ? 0.1 : 0.6)
            sampling.seed = options.seed.map { $0 &+ UInt64(index) }
            return sampling
        }
    }

    /// Solves a problem, and tests each solution in a sandbox of its own.
    ///
    /// - Throws: ``ModelError``, `SandboxError` or `CancellationError`.
    public func solve(_ problem: HumanEvalProblem) async throws -> [HumanEvalSample] {
        await agent.sandboxes.prepare(min(samples, 4))
        let sources = try await sources(for: problem)
        return try await withThrowingTaskGroup(of: (Int, HumanEvalSample).self) { group in
            var samples = [HumanEvalSample?](repeating: nil, count: sources.count)
            for (index, source) in sources.enumerated() {
                if index >= 4, let (done, sample) = try await group.next() { samples[done] = sample }
                group.addTask { (index, try await test(source, of: problem)) }
            }
            for try await (done, sample) in group { samples[done] = sample }
            return samples.compactMap { $0 }
        }
    }

    /// The programs that the model wrote, or why one is none.
    private func sources(for problem: HumanEvalProblem) async throws -> [ProgramReader.Reading] {
        let texts: [(text: String, finish: FinishReason)]
        let kind: ProgramReader.Kind
        if let model = model as? any CompletingModel, training == .base {
            let reply = try await model.complete(
                CompletionRequest(
                    prompt: .text(problem.prompt), samples: sampling,
                    maxNewTokens: options.maxNewTokens(of: training), stop: Self.stops)
            ) { _ in true }
            texts = reply.candidates.map { (problem.prompt + $0.text, $0.finish) }
            kind = .continuation
        } else {
            texts = try await answers(to: problem)
            kind = .reply
        }
        let readings = try await agent.sandboxes.withSandbox { sandbox, interpreter in
            try await ProgramReader.read(texts, as: kind, with: interpreter, in: sandbox)
        }
        guard kind == .reply else { return readings }
        return readings.map { reading in
            var reading = reading
            reading.program = problem.preamble + reading.program
            return reading
        }
    }

    private func answers(to problem: HumanEvalProblem) async throws -> [(text: String, finish: FinishReason)] {
        let system = """
            You complete Python functions. Answer with the whole function, with its imports, in one fenced block that \
            begins with ```python.
            """
        let messages = [Message.user("Complete this function:\n\n```python\n\(problem.prompt)\n```")]
        if let model = model as? any CompletingModel {
            let reply = try await model.complete(
                CompletionRequest(
                    prompt: .conversation(system: system, messages: messages), samples: sampling,
                    maxNewTokens: options.maxNewTokens ?? 512)
            ) { _ in true }
            return reply.candidates.map { ($0.text, $0.finish) }
        }
        let request = ModelRequest(
            conversation: problem.taskID, system: system, messages: messages,
            maxOutputTokens: options.maxNewTokens(of: training), temperature: options.temperature)
        return try await withThrowingTaskGroup(of: ModelReply.self) { [model, samples] group in
            for _ in 0..<samples { group.addTask { try await model.reply(to: request) } }
            var texts: [(text: String, finish: FinishReason)] = []
            for try await reply in group { texts.append((reply.turn.text, reply.finish)) }
            return texts
        }
    }

    private func test(_ source: ProgramReader.Reading, of problem: HumanEvalProblem) async throws -> HumanEvalSample {
        var sample = HumanEvalSample(
            taskID: problem.taskID, completion: source.program, passed: false, result: "")
        if let why = source.problem {
            sample.result = "failed: \(why)"
            return sample
        }
        // A program that ends before the test with exit code 0 does not know it.
        let mark = "passed \(UUID().uuidString)"
        let runner = ProgramRunner(settings: agent.settings, sandboxes: agent.sandboxes)
        let (execution, _) = try await runner.run(problem.program(testing: source.program, mark: mark))
        let judge = ProgramJudge(task: "", prints: false, timeout: agent.settings.timeout)
        if execution.timedOut {
            sample.result = "timed out"
        } else if let why = judge.failure(of: execution) {
            sample.result = "failed: \(why)"
        } else if execution.output.hasSuffix("\n\(mark)\n") {
            (sample.passed, sample.result) = (true, "passed")
        } else {
            sample.result = "failed: it ended before the test"
        }
        return sample
    }
}
