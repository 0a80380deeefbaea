/// What a model's tokens cost, in US dollars per million.
public struct ModelPrice: Codable, Sendable, Hashable {
    /// What a long prompt costs: beyond a number of tokens, the *whole* request is charged at other rates.
    public struct LongPrompt: Codable, Sendable, Hashable {
        /// The rates hold for prompts of more tokens than these.
        public var above: Int
        public var input: Double
        public var cachedInput: Double
        public var output: Double

        enum CodingKeys: String, CodingKey {
            case above, input, output
            case cachedInput = "cached_input"
        }
    }

    public var input: Double
    /// Input that the provider read from its cache; without a price of its own, that of all input.
    public var cachedInput: Double
    public var output: Double
    public var longPrompt: LongPrompt?

    enum CodingKeys: String, CodingKey {
        case input, output
        case cachedInput = "cached_input"
        case longPrompt = "long_prompt"
    }

    public init(input: Double, cachedInput: Double? = nil, output: Double, longPrompt: LongPrompt? = nil) {
        self.input = input
        self.cachedInput = cachedInput ?? input
        self.output = output
        self.longPrompt = longPrompt
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            input: try container.decode(Double.self, forKey: .input),
            cachedInput: try container.decodeIfPresent(Double.self, forKey: .cachedInput),
            output: try container.decode(Double.self, forKey: .output),
            longPrompt: try container.decodeIfPresent(LongPrompt.self, forKey: .longPrompt))
        let prices = [input, cachedInput, output] + (longPrompt.map { [$0.input, $0.cachedInput, $0.output] } ?? [])
        guard prices.allSatisfy({ $0 >= 0 }) else {
            throw DecodingError.dataCorruptedError(forKey: .input, in: container, debugDescription: "negative price")
        }
    }

    /// What a request cost, in US dollars.
    public func cost(of usage: TokenUsage) -> Double {
        let cached = min(usage.cachedInputTokens, usage.inputTokens)
        let long = longPrompt.flatMap { usage.inputTokens > $0.above ? $0 : nil }
        return
            (Double(usage.inputTokens - cached) * (long?.input ?? input)
            + Double(cached) * (long?.cachedInput ?? cachedInput)
            + Double(usage.outputTokens) * (long?.output ?? output)) / 1_000_000
    }
}
