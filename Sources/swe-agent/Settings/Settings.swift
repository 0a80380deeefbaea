import Agents
import Foundation
import LanguageModels
import LocalInference
import Logging
import ModelHub
import Sandboxes
import Workflow

/// Everything that can be set, read and checked once at the start.
struct Settings: Sendable {
    /// Which model works, and how it is reached.
    var models: Models
    /// Whose commits they are, and whether they are pushed.
    var git: Git
    /// Where the commands of tasks run.
    var sandboxType: SandboxType
    var sandbox: LocalSandboxSettings
    /// `nil` where tasks run on this machine.
    var cluster: Cluster?
    /// How programs are written and run in a chat.
    var coding: Coding
    /// What a task may use up where its request does not say.
    var limits: Limits
    /// The service's address, directories and capacity.
    var service: Service
    /// `nil` leaves it to the command.
    var logLevel: Logger.Level?
    /// All keys and tokens that were set, to be kept out of what is written.
    var redaction: Redaction

    struct Models: Sendable {
        /// The model of tasks that name none, and whether someone chose it.
        var name: String
        var isChosen: Bool
        var catalog: ModelSettings
        var prices: PriceTable
    }

    struct Git: Sendable {
        enum Push: String, CaseIterable { case auto, never }

        var username: String
        var email: String
        var token: Secret?
        /// The hosts that get the token; `nil` for whatever host a task names.
        var tokenHosts: Set<String>?
        var push: Push
        /// MiB of a clone; `nil` for no limit.
        var cloneSize: Int?
        /// Seconds of a clone, a push, or a look at a remote.
        var timeoutSeconds: Int

        /// A service that takes URLs from others must not hand its token to any host they name.
        static let usualHosts: Set<String> = [
            "github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "localhost", "127.0.0.1", "[::1]",
        ]
    }

    struct Limits: Sendable {
        var steps: Int
        /// Seconds of work of a whole task, and of one command.
        var taskSeconds: Int
        var commandSeconds: Int
        var testSeconds: Int
        /// US dollars.
        var cost: Double?
    }

    struct Service: Sendable {
        var data: String
        var workspace: String
        var keepWorkspaces: Bool
        var host: String
        var port: Int
        /// One of them has to come with each request; empty asks for none.
        var apiTokens: [Secret]
        var maxRunning: Int
        var maxQueued: Int
        /// Tasks that have not ended of one API token; `nil` for any number.
        var maxPerClient: Int?
        /// How long tasks at work may go on after the service was told to end.
        var drainSeconds: Int
        var retention: TaskService.Retention
        var allowLocalRepositories: Bool
        /// Where repositories may be.
        var remoteHosts: RemoteHosts
    }
}

extension Settings {
    /// Reads the settings from flags, the environment, and `.env` in the current directory.
    ///
    /// - Parameter flags: What the command line says, in the variables' own notation.
    /// - Throws: ``SettingsError``.
    static func load(flags: [Variable: String] = [:]) throws -> Settings {
        try Settings(reader(flags: flags))
    }

    /// The reader that ``load(flags:)`` uses, for commands that need one variable and not all to be right.
    static func reader(flags: [Variable: String] = [:]) throws -> SettingsReader {
        SettingsReader(
            flags: flags,
            environment: ProcessInfo.processInfo.environment,
            file: try DotEnvFile.variables(atPath: ".env"))
    }

    /// A line for the log where others of this machine can read the keys in `.env`; `nil` where they cannot.
    static func warningAboutFile(atPath path: String = ".env") -> String? {
        guard let secrets = try? DotEnvFile.variables(atPath: path),
            secrets.contains(where: { Variable(rawValue: $0.key)?.isSecret == true && !$0.value.isEmpty }),
            let mode = try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int,
            mode & 0o077 != 0
        else { return nil }
        return "\(path) holds keys and is open to other users (mode \(String(mode, radix: 8))): chmod 600 \(path)"
    }

    /// Checks every variable.
    ///
    /// - Throws: ``SettingsError`` for the first that cannot be.
    init(_ reader: SettingsReader) throws {
        models = try Models(reader)
        git = try Git(reader)
        sandboxType = try reader.choice(.sandboxType, default: .local)
        sandbox = try LocalSandboxSettings(reader)
        coding = try Coding(reader, sandbox: sandbox)
        limits = try Limits(reader)
        cluster = sandboxType == .local ? nil : try Cluster(reader, sandboxType, taskSeconds: limits.taskSeconds)
        service = try Service(reader)
        redaction = Redaction(reader.secrets)
        logLevel = try reader.string(.logLevel) == nil ? nil : reader.choice(.logLevel, default: .info)
    }
}

extension Settings.Models {
    init(_ reader: SettingsReader) throws {
        name = reader.string(.modelName, default: "ops-4.5")
        isChosen = reader.string(.modelName) != nil
        catalog = try ModelSettings(reader)
        guard let file = reader.string(.modelPrices) else {
            prices = .builtIn
            return
        }
        do {
            prices = try PriceTable(file: URL(filePath: file))
        } catch {
            throw SettingsError("MODEL_PRICES: \("\(error)".printable(limit: 500))")
        }
    }
}

extension ModelSettings {
    private enum ToolProtocol: String, CaseIterable { case tools, text }

    fileprivate init(_ reader: SettingsReader) throws {
        self.init(
            openAIKey: reader.string(.openAIKey).map { Secret($0) },
            openAIBaseURL: try reader.httpURL(.openAIBaseURL),
            openAIAPI: try reader.choice(.openAIAPI, default: .chat),
            googleKey: reader.string(.googleKey).map { Secret($0) },
            geminiBaseURL: try reader.httpURL(.geminiBaseURL),
            local: try LocalModels.Settings(reader),
            textProtocol: try reader.choice(.modelProtocol, default: ToolProtocol.tools) == .text,
            streaming: try reader.flag(.modelStreaming, default: true))
        fallbacks = reader.string(.modelFallback, default: "").split { $0 == "," || $0.isWhitespace }.map(String.init)
        if let seconds = try reader.integer(.modelTimeout, in: 1...86_400) {
            timeout = .seconds(seconds)
            // A provider that may take longer may also be silent for longer, in the proportion of the defaults.
            idleTimeout = timeout * 3 / 10
        }
        if let id = try Self.id(.ops45Model, reader) { opsModel = id }
        if let id = try Self.id(.gemini35Model, reader) { geminiModel = id }
    }

    private static func id(_ variable: Variable, _ reader: SettingsReader) throws -> String? {
        guard let text = reader.string(variable) else { return nil }
        guard text.wholeMatch(of: /[A-Za-z0-9._:\/@-]+/) != nil else {
            throw reader.wrong(variable, "write a model's id, such as gpt-4.1")
        }
        return text
    }
}

extension LocalModels.Settings {
    /// - Throws: ``SettingsError``.
    init(_ reader: SettingsReader) throws {
        var loading = LocalModel.Options(
            quantization: try reader.choice(.localQuantization, default: .int8),
            threads: try reader.integer(.localThreads, in: 1...256))
        if let cache = reader.string(.cache) {
            let path = NSString(string: cache).expandingTildeInPath
            loading.cache = WeightCache(directory: URL(filePath: path).appending(path: "models"))
        }
        self.init(hub: ModelCache(directory: HubSettings.cacheDirectory(reader)), loading: loading)
    }
}

extension Settings.Git {
    init(_ reader: SettingsReader) throws {
        username = reader.string(.gitUsername, default: "swe-agent-bot")
        email = reader.string(.gitEmail, default: "bot@example.com")
        for (variable, text) in [(Variable.gitUsername, username), (.gitEmail, email)] {
            let isClean = text.unicodeScalars.allSatisfy { !"<>".unicodeScalars.contains($0) && $0.value >= 32 }
            guard isClean else { throw reader.wrong(variable, "write it without < and > and on one line") }
        }
        guard email.contains("@") else { throw reader.wrong(.gitEmail, "write an address such as bot@example.com") }
        token = try reader.string(.gitToken).map { text in
            guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
                throw reader.wrong(.gitToken, "write the token as the host shows it, without spaces or line breaks")
            }
            return Secret(text)
        }
        tokenHosts = try Self.hosts(.gitTokenHosts, reader, default: Self.usualHosts)
        push = try reader.choice(.gitPush, default: .auto)
        cloneSize = try reader.limit(.gitClone, 8192, least: 1)
        timeoutSeconds = try reader.integer(.gitTimeout, in: 1...86_400) ?? 600
    }

    /// A list of hosts; `nil` for all.
    fileprivate static func hosts(
        _ variable: Variable, _ reader: SettingsReader, default fallback: Set<String>
    ) throws -> Set<String>? {
        guard let text = reader.string(variable) else { return fallback }
        if text == "*" { return nil }
        let names = text.lowercased().split { $0 == "," || $0.isWhitespace }.map(String.init)
        guard !names.isEmpty, names.allSatisfy({ $0.wholeMatch(of: /[a-z0-9.-]+|\[[0-9a-f:]+\]/) != nil }) else {
            throw reader.wrong(variable, "write hosts such as git.example.com with commas between them, or *")
        }
        return Set(names)
    }
}

extension LocalSandboxSettings {
    fileprivate init(_ reader: SettingsReader) throws {
        self.init(
            isolation: try reader.choice(.sandboxIsolation, default: .auto),
            allowsUnisolated: try reader.flag(.sandboxAllowUnisolated, default: false),
            confiningProgram: Self.ownProgram,
            limits: SandboxLimits(
                memory: try reader.limit(.sandboxMemory, SandboxLimits.usual.memory, least: 64),
                processes: try reader.limit(.sandboxProcesses, SandboxLimits.usual.processes, least: 16),
                fileSize: try reader.limit(.sandboxFileSize, SandboxLimits.usual.fileSize, least: 1),
                disk: try reader.limit(.sandboxDisk, SandboxLimits.usual.disk, least: 16),
                processors: try reader.number(.sandboxProcessors, in: 0.1...1024)),
            hasNetwork: try reader.flag(.sandboxNetwork, default: false),
            environmentPassthrough: try reader.variableNames(.sandboxEnvironment, default: ""))
    }

    /// This program, which Landlock needs; see ``LandlockLaunch``.
    private static var ownProgram: String? { Bundle.main.executablePath }
}

extension Settings.Limits {
    init(_ reader: SettingsReader) throws {
        steps = try reader.integer(.maxSteps, in: 1...10_000) ?? 100
        taskSeconds = try reader.integer(.taskTimeout, in: 1...604_800) ?? 3600
        commandSeconds = try reader.integer(.commandTimeout, in: 1...86_400) ?? 120
        testSeconds = try reader.integer(.testTimeout, in: 1...86_400) ?? 900
        cost = try reader.amount(.maxCost)
    }
}

extension Settings.Service {
    init(_ reader: SettingsReader) throws {
        data = reader.string(.data, default: "./data")
        workspace = reader.string(.workspace, default: "./workspace")
        host = reader.string(.host, default: "127.0.0.1")
        guard host.wholeMatch(of: /[A-Za-z0-9.:_-]+/) != nil else {
            throw reader.wrong(.host, "write an address such as 127.0.0.1, or 0.0.0.0 for all")
        }
        port = try reader.integer(.port, in: 0...65_535) ?? 8000
        apiTokens = try Self.apiTokens(reader)
        maxRunning = try reader.integer(.maxRunning, in: 0...1000) ?? 4
        maxQueued = try reader.integer(.maxQueued, in: 1...1_000_000) ?? 1000
        maxPerClient = try reader.integer(.maxPerClient, in: 1...1_000_000)
        drainSeconds = try reader.integer(.drainSeconds, in: 0...86_400) ?? 0
        retention = TaskService.Retention(
            age: try reader.integer(.retentionDays, in: 1...36_500).map { .seconds($0 * 86_400) },
            bytes: try reader.integer(.retentionSize, in: 1...1_000_000_000).map { Int64($0) << 20 })
        keepWorkspaces = try reader.flag(.keepWorkspaces, default: false)
        allowLocalRepositories = try reader.flag(.allowLocalRepositories, default: false)
        let hosts = try Settings.Git.hosts(.internalHosts, reader, default: [])
        remoteHosts = RemoteHosts(internalHosts: hosts)
    }

    /// The tokens of the API, which the service asks for and of which a client sends the first.
    static func apiTokens(_ reader: SettingsReader) throws -> [Secret] {
        let words = reader.string(.apiToken, default: "").split { $0 == "," || $0.isWhitespace }.map(String.init)
        guard words.allSatisfy({ $0.utf8.count >= 16 && $0.utf8.allSatisfy { (0x21...0x7e).contains($0) } }) else {
            throw reader.wrong(
                .apiToken,
                "write tokens of at least 16 letters and digits, with commas between them; for example from: openssl rand -hex 32"
            )
        }
        return words.map { Secret($0) }
    }

    /// Whether only programs of this machine reach the service.
    var isOnLoopback: Bool {
        host == "localhost" || host == "::1" || host.wholeMatch(of: /127\.\d+\.\d+\.\d+/) != nil
    }
}
