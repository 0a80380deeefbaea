import LanguageModels
import Logging
import Sandboxes
import Testing

@testable import swe_agent

/// What variables mean, wherever they are written.
struct SettingsTests {
    /// The block that the user guide tells people to put into `.env`.
    static let guide = """
        # LLM Configuration
        OPENAI_API_KEY=sk-your-openai-key
        GOOGLE_API_KEY=AIza-your-google-key
        MODEL_NAME=ops-4.5 # Options: ops-4.5 (GPT-4), gemini-3.5 (Gemini Pro 1.5)

        # Git Configuration (for the agent to commit/push)
        GIT_USERNAME=swe-agent-bot
        GIT_EMAIL=bot@example.com
        GIT_TOKEN=github_pat_... # Personal Access Token for HTTPS auth

        # Sandbox Configuration
        # 'local': Runs in ./workspace/{task_id}
        # 'k8s': Spawns a dedicated Pod for each task
        SANDBOX_TYPE=local
        # K8s Settings (Only if SANDBOX_TYPE=k8s)
        K8S_NAMESPACE=default
        WORKER_IMAGE=python:3.12-slim # The image used for the worker pods

        """

    static func settings(
        flags: [Variable: String] = [:], environment: [String: String] = [:], file: String = ""
    ) throws -> Settings {
        try Settings(SettingsReader(flags: flags, environment: environment, file: DotEnvFile.parse(file)))
    }

    private func expectGuide(_ settings: Settings) {
        #expect(settings.models.name == "ops-4.5")
        #expect(settings.models.catalog.openAIKey?.reveal() == "sk-your-openai-key")
        #expect(settings.models.catalog.googleKey?.reveal() == "AIza-your-google-key")
        #expect(settings.git.username == "swe-agent-bot")
        #expect(settings.git.email == "bot@example.com")
        #expect(settings.git.token?.reveal() == "github_pat_...")
    }

    @Test func theGuidesFileWorksAsItIsWritten() throws {
        expectGuide(try Self.settings(file: Self.guide))
    }

    @Test func theGuidesFileWorksFromWindows() throws {
        expectGuide(try Self.settings(file: Self.guide.replacing("\n", with: "\r\n")))
    }

    @Test func theGuidesFileWorksThroughDockerEnvFile() throws {
        var environment: [String: String] = [:]
        for line in Self.guide.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
            environment[parts[0]] = parts[1]
        }
        #expect(environment["MODEL_NAME"]?.contains("#") == true)
        expectGuide(try Self.settings(environment: environment))
    }

    @Test func flagsThenEnvironmentThenFileThenDefault() throws {
        #expect(try Self.settings().service.port == 8000)
        #expect(try Self.settings(file: "SWE_AGENT_PORT=1").service.port == 1)
        #expect(try Self.settings(environment: ["SWE_AGENT_PORT": "2"], file: "SWE_AGENT_PORT=1").service.port == 2)
        let all = try Self.settings(
            flags: [.port: "3"], environment: ["SWE_AGENT_PORT": "2"], file: "SWE_AGENT_PORT=1")
        #expect(all.service.port == 3)
    }

    @Test func anEmptyValueCountsAsNone() throws {
        let settings = try Self.settings(
            environment: ["MODEL_NAME": "", "GIT_TOKEN": ""], file: "MODEL_NAME=gemini-3.5\nGIT_TOKEN=")
        #expect(settings.models.name == "gemini-3.5")
        #expect(settings.git.token == nil)
        #expect(try !Self.settings(file: "MODEL_NAME=").models.isChosen)
    }

    @Test func everyVariableReachesWhatItSets() throws {
        let settings = try Self.settings(
            file: """
                OPENAI_BASE_URL=http://127.0.0.1:8080/v1/
                OPENAI_API=responses
                GEMINI_BASE_URL=http://127.0.0.1:9090
                OPS_4_5_MODEL=gpt-5.2
                GEMINI_3_5_MODEL=gemini-3.5-flash
                MODEL_PROTOCOL=text
                MODEL_STREAMING=off
                MODEL_TIMEOUT_SECONDS=7
                GIT_PUSH=never
                GIT_CLONE_MB=0
                GIT_TIMEOUT_SECONDS=11
                SANDBOX_ISOLATION=none
                SANDBOX_NETWORK=off
                SANDBOX_ENV_PASSTHROUGH=PIP_INDEX_URL, CC
                MAX_STEPS=5
                TASK_TIMEOUT_SECONDS=6
                COMMAND_TIMEOUT_SECONDS=8
                MAX_COST_USD=0.5
                SWE_AGENT_DATA=/d
                SWE_AGENT_WORKSPACE=/w
                SWE_AGENT_HOST=::1
                SWE_AGENT_MAX_RUNNING=9
                SWE_AGENT_MAX_QUEUED=10
                SWE_AGENT_ALLOW_LOCAL_REPOS=on
                LOG_LEVEL=Debug
                """)
        let catalog = settings.models.catalog
        #expect(catalog.openAIBaseURL == "http://127.0.0.1:8080/v1")
        #expect(catalog.openAIAPI == .responses)
        #expect(catalog.geminiBaseURL == "http://127.0.0.1:9090")
        #expect(catalog.opsModel == "gpt-5.2")
        #expect(catalog.geminiModel == "gemini-3.5-flash")
        #expect(catalog.textProtocol)
        #expect(!catalog.streaming)
        #expect(catalog.timeout == .seconds(7))
        #expect(settings.git.push == .never)
        #expect(settings.git.cloneSize == nil)
        #expect(settings.git.timeoutSeconds == 11)
        #expect(settings.sandbox.isolation == .none)
        #expect(!settings.sandbox.hasNetwork)
        #expect(settings.sandbox.environmentPassthrough == ["PIP_INDEX_URL", "CC"])
        #expect(settings.limits.steps == 5)
        #expect(settings.limits.taskSeconds == 6)
        #expect(settings.limits.commandSeconds == 8)
        #expect(settings.limits.cost == 0.5)
        #expect(settings.service.data == "/d")
        #expect(settings.service.workspace == "/w")
        #expect(settings.service.host == "::1")
        #expect(settings.service.maxRunning == 9)
        #expect(settings.service.maxQueued == 10)
        #expect(settings.service.allowLocalRepositories)
        #expect(settings.logLevel == .debug)
    }

    @Test(arguments: [
        ("OPENAI_BASE_URL", "localhost:8080"), ("OPENAI_BASE_URL", "http://user:pass@host/v1"),
        ("OPENAI_API", "completions"), ("GEMINI_BASE_URL", "ftp://host"), ("OPS_4_5_MODEL", "gpt 5"),
        ("MODEL_PROTOCOL", "xml"), ("MODEL_STREAMING", "maybe"), ("MODEL_TIMEOUT_SECONDS", "0"),
        ("MODEL_PRICES", "/does/not/exist.json"), ("GIT_EMAIL", "nobody"), ("GIT_USERNAME", "a <b>"),
        ("GIT_TOKEN", "two words"), ("GIT_PUSH", "always"), ("GIT_CLONE_MB", "-1"),
        ("GIT_TIMEOUT_SECONDS", "0"), ("SANDBOX_TYPE", "k8s"), ("SANDBOX_TYPE", "docker"),
        ("SANDBOX_ISOLATION", "chroot"), ("SANDBOX_NETWORK", "2"), ("SANDBOX_ENV_PASSTHROUGH", "A-B"),
        ("SANDBOX_ENV_PASSTHROUGH", "PATH,GIT_TOKEN"), ("MAX_STEPS", "-1"), ("MAX_STEPS", "ten"),
        ("TASK_TIMEOUT_SECONDS", "1.5"), ("COMMAND_TIMEOUT_SECONDS", "99999999999999999999"), ("MAX_COST_USD", "nan"),
        ("MAX_COST_USD", "0"), ("SWE_AGENT_HOST", "a b"), ("SWE_AGENT_PORT", "65536"), ("SWE_AGENT_MAX_RUNNING", "-1"),
        ("SWE_AGENT_MAX_QUEUED", "0"), ("SWE_AGENT_ALLOW_LOCAL_REPOS", "si"), ("LOG_LEVEL", "loud"),
    ])
    func aValueThatCannotBeIsRefusedInOneLineWithItsName(name: String, value: String) throws {
        let error = try #require(throws: SettingsError.self) { try Self.settings(environment: [name: value]) }
        #expect(error.description.contains(name))
        #expect(error.description.split(whereSeparator: \.isNewline).count == 1)
    }

    @Test func theErrorForASecretDoesNotShowIt() throws {
        let error = try #require(throws: SettingsError.self) {
            try Self.settings(environment: ["GIT_TOKEN": "ghp_hidden value"])
        }
        #expect(!error.description.contains("hidden"))
    }

    @Test func settingsDoNotShowSecretsWhenTheyArePrinted() throws {
        var dump = ""
        Swift.dump(try Self.settings(file: Self.guide), to: &dump)
        #expect(dump.contains("swe-agent-bot"))
        #expect(!dump.contains("sk-your-openai-key"))
        #expect(!dump.contains("github_pat"))
    }

    @Test func aValueThatATerminalWouldObeyIsNotShownAsItIs() throws {
        let error = try #require(throws: SettingsError.self) {
            try Self.settings(environment: ["LOG_LEVEL": "\u{1B}[2J\ninfo"])
        }
        #expect(!error.description.contains("\u{1B}"))
        #expect(!error.description.contains("\n"))
    }
}
