public import Foundation
public import Logging

/// A language model inside this process: the door to local inference.
///
/// ```swift
/// let model = try await LocalModel(directory: directory)
/// for try await element in try await model.generate("def fibonacci(n):") {
///     if case .text(let text, _) = element { print(text, terminator: "") }
/// }
/// ```
///
/// Any number of continuations can be asked for at the same time; they are computed together, on threads of their own.
public final class LocalModel: Sendable {
    public let configuration: ModelConfiguration
    public let tokenizer: Tokenizer
    public let quantization: Quantization
    /// Bytes of the packed weights.
    public let weightBytes: Int

    private let scheduler: BatchScheduler

    /// How a model is loaded.
    public struct Options: Sendable {
        public var quantization: Quantization
        /// `nil`: as many as the machine has processors.
        public var threads: Int?
        public var cache: WeightCache
        /// Bytes that may be taken; `nil`: what the system says is available.
        public var memoryLimit: Int?

        public init(
            quantization: Quantization = .int8, threads: Int? = nil, cache: WeightCache = .standard(),
            memoryLimit: Int? = nil
        ) {
            self.quantization = quantization
            self.threads = threads
            self.cache = cache
            self.memoryLimit = memoryLimit
        }
    }

    /// Loads a model from a directory as the hub has it: `config.json`, tokenizer, weights.
    ///
    /// The first time, the weights are packed, which takes seconds; later loads map them from the cache.
    ///
    /// - Throws: ``CheckpointError``, ``TokenizerError`` or ``LocalModelError``: each says in a sentence what to do.
    public init(
        directory: URL, options: Options = Options(), logger: Logger = Logger(label: "local-inference")
    ) async throws {
        let parts = try await ComputeThread(name: "loading").run {
            try Parts(directory: directory, options, logger)
        }
        configuration = parts.configuration
        tokenizer = parts.tokenizer
        quantization = options.quantization
        weightBytes = parts.weights.byteCount
        scheduler = BatchScheduler(
            Transformer(parts.configuration, parts.weights, options.quantization, team: parts.team))
    }

    /// What is read from the files.
    private struct Parts: Sendable {
        var configuration: ModelConfiguration
        var tokenizer: Tokenizer
        var team: WorkerTeam
        var weights: PackedWeights

        init(directory: URL, _ options: Options, _ logger: Logger) throws {
            configuration = try ModelConfiguration(directory: directory)
            let plan = WeightPlan(configuration, options.quantization)
            try LocalModel.checkMemory(configuration, plan, options)
            tokenizer = try Tokenizer(directory: directory)
            let threads = options.threads ?? ProcessInfo.processInfo.activeProcessorCount
            guard (1...256).contains(threads) else { throw LocalModelError("there can be 1 to 256 threads") }
            team = try WorkerTeam(threads: threads)
            weights = try options.cache.weights(
                ofModelAt: directory, plan, options.quantization, team: team, logger: logger)
        }
    }

    /// Says so before anything is loaded where a model cannot fit.
    private static func checkMemory(
        _ configuration: ModelConfiguration, _ plan: WeightPlan, _ options: Options
    ) throws(LocalModelError) {
        guard let available = options.memoryLimit ?? AvailableMemory.bytes() else { return }
        let needed = plan.byteCount + Transformer.workingMemory
        guard needed > available else { return }
        let smaller = Quantization.allCases.first {
            WeightPlan(configuration, $0).byteCount + Transformer.workingMemory <= available
        }
        let advice = smaller.map { "choose the quantization \($0.rawValue)" } ?? "choose a smaller model"
        throw LocalModelError(
            """
            the model needs \(needed >> 20) MiB of memory in \(options.quantization.rawValue), and \
            \(available >> 20) MiB are available; \(advice)
            """)
    }

    /// Continues a text.
    ///
    /// - Throws: ``GenerationError`` or `CancellationError`.
    public func generate(_ prompt: String, options: GenerationOptions = GenerationOptions()) async throws -> Generation
    {
        try await generate(tokens: tokenizer.encode(prompt), options: options)
    }

    /// Continues a sequence of tokens. An empty one begins with the end of a text, as texts did in training.
    ///
    /// - Throws: ``GenerationError`` or `CancellationError`.
    public func generate(
        tokens: [Int], options: GenerationOptions = GenerationOptions()
    ) async throws -> Generation {
        try options.check()
        let prompt = tokens.isEmpty ? [configuration.endTokens.min() ?? 0] : tokens
        guard (prompt + (options.forcedTokens ?? [])).allSatisfy({ (0..<configuration.vocabularySize).contains($0) })
        else {
            throw GenerationError.invalidOption(
                "the prompt has a token that is not among the model's \(configuration.vocabularySize)")
        }
        guard prompt.count < configuration.contextLength else {
            throw GenerationError.contextLength(
                promptTokens: prompt.count, contextTokens: configuration.contextLength)
        }
        try Task.checkCancellation()
        let interest = Interest()
        let (stream, output) = AsyncStream<Generation.Element>.makeStream()
        output.onTermination = { _ in interest.lose() }
        try await scheduler.submit(
            GenerationRequest(
                prompt: prompt, options: options,
                maxNewTokens: min(options.maxNewTokens, configuration.contextLength - prompt.count),
                vocabularySize: configuration.vocabularySize,
                endTokens: options.ignoresEndTokens ? [] : configuration.endTokens,
                textStream: tokenizer.makeStreamingDecoder(), output: output, interest: interest, startedAt: .now))
        return Generation(stream: stream)
    }
}

/// Why a model cannot be loaded, in one sentence that says what to do.
public struct LocalModelError: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
