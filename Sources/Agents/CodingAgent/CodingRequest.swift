import LanguageModels

/// A task for the coding agent; what a run of it is submitted with.
public struct CodingRequest: Codable, Sendable, Hashable {
    /// What the program is to do, in plain words.
    public var task: String
    /// The model, by the name that `MODEL_NAME` takes.
    public var model: String
    public var options: CodingOptions
    /// What came before in the same chat, oldest first. Base models, which only continue a text, are not shown it.
    public var history: [CodingTurn]

    public init(task: String, model: String, options: CodingOptions = CodingOptions(), history: [CodingTurn] = []) {
        self.task = task
        self.model = model
        self.options = options
        self.history = history
    }
}

/// An earlier task of a chat, and the program that it came to.
public struct CodingTurn: Codable, Sendable, Hashable {
    public var task: String
    public var code: String
    public var output: String

    public init(task: String, code: String, output: String) {
        self.task = task
        self.code = code
        self.output = output
    }
}

/// How programs are generated. What is `nil` depends on the model.
public struct CodingOptions: Codable, Sendable, Hashable {
    /// How many candidates are generated at a time; the first that works wins.
    public var samples: Int?
    public var temperature: Double?
    public var topP: Double?
    public var repetitionPenalty: Double?
    public var maxNewTokens: Int?
    public var seed: UInt64?
    /// How often a program that failed is fixed.
    public var fixes: Int

    public init(
        samples: Int? = nil, temperature: Double? = nil, topP: Double? = nil, repetitionPenalty: Double? = nil,
        maxNewTokens: Int? = nil, seed: UInt64? = nil, fixes: Int = CodingAgent.defaultFixes
    ) {
        self.samples = samples
        self.temperature = temperature
        self.topP = topP
        self.repetitionPenalty = repetitionPenalty
        self.maxNewTokens = maxNewTokens
        self.seed = seed
        self.fixes = fixes
    }

    /// What beside the first candidate is tried where no temperature is set: copies of it would be of no use.
    private static let livelierTemperatures = [0.4, 0.6, 0.8]

    /// The number of candidates: 4 for a base model in this process, whose candidates cost little more than one.
    func samples(of training: ModelTraining?) -> Int {
        samples ?? (training == .base ? 4 : 1)
    }

    /// The most tokens of a candidate. Hosted models also think and explain in theirs.
    func maxNewTokens(of training: ModelTraining?) -> Int {
        maxNewTokens ?? (training == nil ? 4096 : 256)
    }

    /// How each of so many candidates is sampled.
    func sampling(count: Int) -> [CompletionSampling] {
        (0..<count).map { index in
            var options = CompletionSampling()
            let lively = Self.livelierTemperatures
            let usual = index == 0 ? options.temperature : lively[(index - 1) % lively.count]
            options.temperature = temperature ?? usual
            options.topP = topP ?? options.topP
            options.repetitionPenalty = repetitionPenalty ?? options.repetitionPenalty
            options.seed = seed.map { $0 &+ UInt64(index) }
            return options
        }
    }
}
