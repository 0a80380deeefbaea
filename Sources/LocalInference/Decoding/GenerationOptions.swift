/// What a continuation is to be like and where it ends.
public struct GenerationOptions: Sendable, Hashable {
    public var sampling: SamplingOptions
    /// The most tokens of one continuation. It ends earlier at the end of the model's context.
    public var maxNewTokens: Int
    /// A continuation ends before the first of these that its text would hold.
    public var stop: [String]
    /// How many continuations are made of the prompt, all in one batch; each has a seed of its own, counted up.
    public var samples: Int
    /// Whether tokens are guessed from what followed the same words earlier, and several guesses checked in one pass.
    /// The continuation is the same with and without; text that repeats much of its prompt is made faster.
    public var promptLookup: Bool
    /// Whether what earlier sequences began with is taken from them, and this one is kept for later ones. The continuation
    /// is the same with and without; without, the speed of reading a prompt can be measured again and again.
    public var reusesPrefixes = true
    /// Whether generation goes on past the end-of-text tokens, to measure its speed.
    public var ignoresEndTokens: Bool

    /// What the continuation is, whatever the logits say, to measure the speed of a text that is known; `nil`: chosen.
    public var forcedTokens: [Int]?

    public static let maxSamples = 64

    public init(
        sampling: SamplingOptions = SamplingOptions(), maxNewTokens: Int = 256, stop: [String] = [], samples: Int = 1,
        promptLookup: Bool = false, ignoresEndTokens: Bool = false
    ) {
        self.sampling = sampling
        self.maxNewTokens = maxNewTokens
        self.stop = stop
        self.samples = samples
        self.promptLookup = promptLookup
        self.ignoresEndTokens = ignoresEndTokens
    }

    /// - Throws: ``GenerationError`` for an option that makes no sense.
    func check() throws(GenerationError) {
        try sampling.check()
        guard maxNewTokens > 0 else { throw .invalidOption("at least one new token must be allowed") }
        guard (1...Self.maxSamples).contains(samples) else {
            throw .invalidOption("there can be 1 to \(Self.maxSamples) samples")
        }
        guard (forcedTokens?.count ?? .max) >= maxNewTokens else {
            throw .invalidOption("there are fewer forced tokens than new ones")
        }
        guard !stop.contains("") else { throw .invalidOption("a stop string is empty") }
    }
}

/// Why nothing can be generated, in one sentence.
public enum GenerationError: Error, Sendable, Hashable, CustomStringConvertible {
    case invalidOption(String)
    /// The prompt leaves no room for a single new token.
    case contextLength(promptTokens: Int, contextTokens: Int)
    /// The continuation would not fit in memory.
    case memory(String)

    public var description: String {
        switch self {
        case .invalidOption(let problem): problem
        case .contextLength(let prompt, let context):
            """
            the prompt has \(prompt) tokens, and the model's context holds \(context), new ones included; \
            shorten the prompt
            """
        case .memory(let problem): problem
        }
    }
}
