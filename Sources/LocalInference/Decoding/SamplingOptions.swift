/// How the next token is chosen from the logits: what Transformers' `generate` calls its generation settings.
public struct SamplingOptions: Sendable, Hashable {
    /// Divides the logits; 0 takes the most likely token every time.
    public var temperature: Float
    /// Only so many of the most likely tokens are considered; 0: all. Tokens as likely as the last of them count too.
    public var topK: Int
    /// Only the most likely tokens are considered whose probabilities together reach this (nucleus sampling).
    public var topP: Float
    /// Makes tokens of the prompt and the continuation less likely where it is above 1 (Keskar et al., 2019).
    public var repetitionPenalty: Float
    /// Equal seeds give equal continuations of a prompt, on the same machine and at the same settings.
    public var seed: UInt64

    public init(
        temperature: Float = 1, topK: Int = 50, topP: Float = 1, repetitionPenalty: Float = 1, seed: UInt64 = 0
    ) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.repetitionPenalty = repetitionPenalty
        self.seed = seed
    }

    /// The most likely token every time.
    public static let greedy = SamplingOptions(temperature: 0)

    /// - Throws: ``GenerationError`` for a number that makes no sense.
    func check() throws(GenerationError) {
        guard temperature.isFinite, temperature >= 0 else {
            throw .invalidOption("the temperature must be 0 or greater")
        }
        guard topK >= 0 else { throw .invalidOption("top-k must be 0 (all tokens) or greater") }
        guard topP > 0, topP <= 1 else { throw .invalidOption("top-p must be greater than 0 and at most 1") }
        guard repetitionPenalty.isFinite, repetitionPenalty > 0 else {
            throw .invalidOption("the repetition penalty must be greater than 0")
        }
    }
}
