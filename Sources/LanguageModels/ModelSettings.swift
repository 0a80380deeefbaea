/// What ``ModelCatalog`` needs to know to make models from names.
public struct ModelSettings: Sendable {
    public enum OpenAIAPI: String, Sendable, CaseIterable {
        /// Chat Completions.
        case chat
        /// Responses.
        case responses
    }

    /// `OPENAI_API_KEY`
    public var openAIKey: Secret?
    /// `OPENAI_BASE_URL`, such as `http://localhost:11434/v1`; without it, OpenAI's own.
    public var openAIBaseURL: String?
    /// The API that `openai/…` and `openai-compatible/…` are asked through.
    public var openAIAPI: OpenAIAPI
    /// `GOOGLE_API_KEY`
    public var googleKey: Secret?
    /// `GEMINI_BASE_URL`; without it, Google's own.
    public var geminiBaseURL: String?
    /// The model that `ops-4.5` stands for, an id of OpenAI's.
    public var opsModel: String
    /// The model that `gemini-3.5` stands for, an id of Gemini's.
    public var geminiModel: String
    /// How models that run inside this process are found and loaded; `nil` where there are none.
    public var local: LocalModels.Settings?
    /// Whether models are asked through ``TextProtocolModel``, for those without tool calling.
    public var textProtocol: Bool
    /// Whether replies are streamed.
    public var streaming: Bool
    /// How long a reply may take in all.
    public var timeout: Duration
    /// How long a provider may be silent.
    public var idleTimeout: Duration
    public var retryPolicy: RetryPolicy
    /// The names of models that stand in, in their order, for one that fails for good.
    public var fallbacks: [String] = []

    public init(
        openAIKey: Secret? = nil,
        openAIBaseURL: String? = nil,
        openAIAPI: OpenAIAPI = .chat,
        googleKey: Secret? = nil,
        geminiBaseURL: String? = nil,
        opsModel: String = "gpt-4.1",
        geminiModel: String = "gemini-2.5-pro",
        local: LocalModels.Settings? = nil,
        textProtocol: Bool = false,
        streaming: Bool = true,
        timeout: Duration = .seconds(600),
        idleTimeout: Duration = .seconds(180),
        retryPolicy: RetryPolicy = RetryPolicy()
    ) {
        self.openAIKey = openAIKey
        self.openAIBaseURL = openAIBaseURL
        self.openAIAPI = openAIAPI
        self.googleKey = googleKey
        self.geminiBaseURL = geminiBaseURL
        self.opsModel = opsModel
        self.geminiModel = geminiModel
        self.local = local
        self.textProtocol = textProtocol
        self.streaming = streaming
        self.timeout = timeout
        self.idleTimeout = idleTimeout
        self.retryPolicy = retryPolicy
    }
}
