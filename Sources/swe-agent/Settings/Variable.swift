/// The variables that configure swe-agent, from the environment or from a `.env` file; `.env.example` describes each.
enum Variable: String, CaseIterable, Sendable {
    case modelName = "MODEL_NAME"
    case modelFallback = "MODEL_FALLBACK"
    case openAIKey = "OPENAI_API_KEY"
    case openAIBaseURL = "OPENAI_BASE_URL"
    case openAIAPI = "OPENAI_API"
    case googleKey = "GOOGLE_API_KEY"
    case geminiBaseURL = "GEMINI_BASE_URL"
    case ops45Model = "OPS_4_5_MODEL"
    case gemini35Model = "GEMINI_3_5_MODEL"
    case modelProtocol = "MODEL_PROTOCOL"
    case modelStreaming = "MODEL_STREAMING"
    case modelTimeout = "MODEL_TIMEOUT_SECONDS"
    case modelPrices = "MODEL_PRICES"
    case localQuantization = "LOCAL_QUANTIZATION"
    case localThreads = "LOCAL_THREADS"
    case cache = "SWE_AGENT_CACHE"
    case hubHome = "HF_HOME"
    case hubCache = "HF_HUB_CACHE"
    case hubEndpoint = "HF_ENDPOINT"
    case hubToken = "HF_TOKEN"
    case hubTokenPath = "HF_TOKEN_PATH"
    case hubOffline = "HF_HUB_OFFLINE"

    case gitUsername = "GIT_USERNAME"
    case gitEmail = "GIT_EMAIL"
    case gitToken = "GIT_TOKEN"
    case gitTokenHosts = "GIT_TOKEN_HOSTS"
    case gitPush = "GIT_PUSH"

    case sandboxType = "SANDBOX_TYPE"
    case sandboxIsolation = "SANDBOX_ISOLATION"
    case sandboxEnvironment = "SANDBOX_ENV_PASSTHROUGH"
    case sandboxNetwork = "SANDBOX_NETWORK"

    case k8sContext = "K8S_CONTEXT"
    case k8sNamespace = "K8S_NAMESPACE"
    case workerImage = "WORKER_IMAGE"
    case k8sRuntimeClass = "K8S_RUNTIME_CLASS"
    case k8sCPU = "K8S_CPU"
    case k8sMemory = "K8S_MEMORY"
    case k8sEphemeralStorage = "K8S_EPHEMERAL_STORAGE"
    case k8sServiceAccount = "K8S_SERVICE_ACCOUNT"
    case k8sWarmPool = "K8S_WARM_POOL"
    case k8sPodTemplate = "K8S_POD_TEMPLATE"
    case k8sStartTimeout = "K8S_START_TIMEOUT_SECONDS"

    case modelSamples = "MODEL_SAMPLES"
    case modelTemperature = "MODEL_TEMPERATURE"
    case modelTopP = "MODEL_TOP_P"
    case modelRepetitionPenalty = "MODEL_REPETITION_PENALTY"
    case modelMaxNewTokens = "MODEL_MAX_NEW_TOKENS"
    case codeInterpreter = "CODE_INTERPRETER"
    case codeTimeout = "CODE_TIMEOUT_SECONDS"
    case codeMemory = "CODE_MEMORY_MB"
    case subprocessEnvironment = "SUBPROCESS_ENV_PASSTHROUGH"

    case maxSteps = "MAX_STEPS"
    case taskTimeout = "TASK_TIMEOUT_SECONDS"
    case commandTimeout = "COMMAND_TIMEOUT_SECONDS"
    case testTimeout = "TEST_TIMEOUT_SECONDS"
    case maxCost = "MAX_COST_USD"

    case data = "SWE_AGENT_DATA"
    case workspace = "SWE_AGENT_WORKSPACE"
    case keepWorkspaces = "SWE_AGENT_KEEP_WORKSPACES"
    case host = "SWE_AGENT_HOST"
    case port = "SWE_AGENT_PORT"
    case apiToken = "SWE_AGENT_API_TOKEN"
    case maxRunning = "SWE_AGENT_MAX_RUNNING"
    case maxQueued = "SWE_AGENT_MAX_QUEUED"
    case drainSeconds = "SWE_AGENT_DRAIN_SECONDS"
    case retentionDays = "SWE_AGENT_RETENTION_DAYS"
    case retentionSize = "SWE_AGENT_RETENTION_MB"
    case allowLocalRepositories = "SWE_AGENT_ALLOW_LOCAL_REPOS"
    case url = "SWE_AGENT_URL"
    case logLevel = "LOG_LEVEL"

    /// Whether the value must never be shown.
    var isSecret: Bool {
        switch self {
        case .openAIKey, .googleKey, .gitToken, .apiToken, .hubToken: true
        default: false
        }
    }
}
