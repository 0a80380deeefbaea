/// A model that continues a text, and several ways at once: one whose weights are in this process.
///
/// Its candidates are decoded in one batch, as one pass over the weights serves all of them.
public protocol CompletingModel: LanguageModel {
    /// What the model was trained for, for the caller to choose its prompt by. The model is loaded where that is needed.
    ///
    /// - Throws: ``ModelError`` where it cannot be loaded, or `CancellationError`.
    var training: ModelTraining { get async throws }

    /// Continues a prompt.
    ///
    /// - Parameters:
    ///   - request: The prompt and how it is continued.
    ///   - onPiece: Called with each piece of each candidate as it is decoded, never with half a character. `false` ends
    ///     this candidate after the piece; the others go on.
    /// - Returns: A candidate for each of ``CompletionRequest/samples``, in their order.
    /// - Throws: ``ModelError``, or `CancellationError` within a token of the cancellation.
    func complete(
        _ request: CompletionRequest,
        onPiece: @escaping @Sendable (CompletionPiece) -> Bool
    ) async throws -> CompletionReply
}

/// What a model was trained for.
public enum ModelTraining: String, Codable, Sendable, Hashable {
    /// To continue texts: it takes a prompt for the beginning of a file, and an instruction for a sentence of one.
    case base
    /// To answer: its prompts go through its chat template.
    case instruct
}

/// What to continue, and how.
public struct CompletionRequest: Codable, Sendable, Hashable {
    public enum Prompt: Codable, Sendable, Hashable {
        /// Continued as it is.
        case text(String)
        /// Written out by the model's chat template, up to where the assistant's turn begins.
        case conversation(system: String, messages: [Message])
    }

    public var prompt: Prompt
    /// How each candidate is sampled, at least one: so that beside a careful one others may dare more.
    public var samples: [CompletionSampling]
    /// The most tokens a candidate may have.
    public var maxNewTokens: Int
    /// Texts that end a candidate where they first appear; they are not part of it.
    public var stop: [String]
    /// A text that much of the continuation repeats, such as the program that is to be fixed: its tokens are drafts that
    /// one pass verifies (prompt-lookup decoding), which changes the time and not the distribution. `nil` for none.
    public var lookup: String?

    public init(
        prompt: Prompt,
        samples: [CompletionSampling] = [CompletionSampling()],
        maxNewTokens: Int = 256,
        stop: [String] = [],
        lookup: String? = nil
    ) {
        self.prompt = prompt
        self.samples = samples
        self.maxNewTokens = maxNewTokens
        self.stop = stop
        self.lookup = lookup
    }
}

/// How the next token is chosen. The defaults suit small code models.
public struct CompletionSampling: Codable, Sendable, Hashable {
    /// 0 always takes the likeliest token.
    public var temperature: Double
    /// The smallest set of likeliest tokens with at least this probability is sampled from; 1 for all.
    public var topP: Double
    /// At most so many tokens are sampled from; `nil` for all.
    public var topK: Int?
    /// Divides the logits of tokens already there where they are positive, and multiplies them where they are not
    /// (CTRL, https://arxiv.org/abs/1909.05858, 4.1); 1 for none.
    public var repetitionPenalty: Double
    /// The same seed and prompt give the same candidate; `nil` chooses one.
    public var seed: UInt64?

    public init(
        temperature: Double = 0.1,
        topP: Double = 0.9,
        topK: Int? = nil,
        repetitionPenalty: Double = 1.2,
        seed: UInt64? = nil
    ) {
        self.temperature = temperature
        self.topP = topP
        self.topK = topK
        self.repetitionPenalty = repetitionPenalty
        self.seed = seed
    }
}

/// A piece of a candidate on its way.
public struct CompletionPiece: Sendable, Hashable {
    /// Which candidate, from 0.
    public var candidate: Int
    public var text: String

    public init(candidate: Int, text: String) {
        self.candidate = candidate
        self.text = text
    }
}

/// What a prompt was continued with.
public struct CompletionReply: Codable, Sendable, Hashable {
    public struct Candidate: Codable, Sendable, Hashable {
        public var text: String
        /// `.length` where ``CompletionRequest/maxNewTokens`` or the context ended it, else `.stop`.
        public var finish: FinishReason

        public init(text: String, finish: FinishReason) {
            self.text = text
            self.finish = finish
        }
    }

    public var candidates: [Candidate]
    /// Tokens of the prompt, once, and of all candidates.
    public var usage: TokenUsage

    public init(candidates: [Candidate], usage: TokenUsage) {
        self.candidates = candidates
        self.usage = usage
    }
}
