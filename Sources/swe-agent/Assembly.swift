import Agents
import AsyncHTTPClient
import Foundation
import LanguageModels
import Logging
import Sandboxes
import TaskStore
import Workflow

/// The parts of the program, put together as the settings say.
enum Assembly {
    /// A logger that writes to standard error.
    static func logger(_ settings: Settings, default level: Logger.Level) -> Logger {
        var logger = Logger(label: "swe-agent") {
            RedactingLogHandler(StreamLogHandler.standardError(label: $0), settings.redaction)
        }
        logger.logLevel = settings.logLevel ?? level
        return logger
    }

    /// Opens the store and makes a task service of it for as long as `body` runs; the body runs the service.
    ///
    /// - Throws: ``SettingsError`` where a setting or a program is missing that tasks need.
    static func withTaskService<Result: Sendable>(
        _ settings: Settings, logger: Logger, _ body: @Sendable (TaskService) async throws -> Result
    ) async throws -> Result {
        if let warning = Settings.warningAboutFile() { logger.warning("\(warning)") }
        let http = HTTPClient(configuration: ModelHTTPClient.configuration)
        let result: Swift.Result<Result, any Error>
        do {
            let runner = try await runner(settings, http: http, logger: logger)
            let limits = TaskService.Limits(
                running: settings.service.maxRunning, queued: settings.service.maxQueued,
                perClient: settings.service.maxPerClient)
            result = .success(
                try await withTaskExecutorPreference(EventLoopExecutor.shared) {
                    try await SQLiteRunStore.withStore(in: settings.service.data) { store in
                        let service = TaskService(
                            store: RedactingStore(store, settings.redaction), runner: runner, limits: limits,
                            retention: settings.service.retention, logger: logger)
                        return try await body(service)
                    }
                })
        } catch {
            result = .failure(error)
        }
        try? await http.shutdown()
        do {
            return try result.get()
        } catch let error as TaskStoreError {
            throw SettingsError("\(error)")
        } catch let error as JournalError {
            throw ProgramError("\(error)")
        }
    }

    private static func runner(_ settings: Settings, http: HTTPClient, logger: Logger) async throws -> TaskRunner {
        let catalog = ModelCatalog(settings: settings.models.catalog, client: http)
        do {
            try catalog.validate(settings.models.name)
        } catch {
            throw SettingsError("\(error)")
        }
        for name in settings.models.catalog.fallbacks {
            do {
                try catalog.validate(name)
            } catch {
                throw SettingsError("MODEL_FALLBACK, \(name): \(error)")
            }
        }
        if settings.limits.cost != nil {
            for name in try catalog.model(named: settings.models.name).possibleNames
            where settings.models.prices.price(of: name) == nil {
                throw SettingsError("MAX_COST_USD needs the price of \(name): name it in a MODEL_PRICES file")
            }
        }
        let sandboxes = try await sandboxes(settings, logger: logger)
        var task = taskSettings(settings)
        task.hasNetwork = sandboxes.hasNetwork
        return TaskRunner(
            settings: task,
            sandboxes: sandboxes,
            git: git(settings),
            prices: settings.models.prices,
            logger: logger
        ) { name in
            let model = try catalog.model(named: name) { retry in
                logger.warning("\(retry)", metadata: ["model": "\(name)"])
            }
            return RedactingModel(model, settings.redaction)
        }
    }

    private static func sandboxes(_ settings: Settings, logger: Logger) async throws -> LocalSandboxProvider {
        var local = settings.sandbox
        local.hiddenDirectories.append(absolute(settings.service.data))
        do {
            let provider = try await LocalSandboxProvider(
                root: absolute(settings.service.workspace), settings: local,
                hostEnvironment: ProcessInfo.processInfo.environment)
            if case .none(let reason) = provider.isolation, settings.coding.networkIsChosen, !local.hasNetwork {
                throw SettingsError("SANDBOX_NETWORK=off needs bubblewrap (\(reason)): install it, or write on")
            }
            // The keys in this process's memory and environment are nothing for what runs beside it.
            if case .bubblewrap = provider.isolation {} else { ProcessMemory.hide() }
            for warning in provider.warnings { logger.warning("\(warning)") }
            return provider
        } catch let error as SandboxError {
            throw SettingsError(error.message)
        }
    }

    private static func git(_ settings: Settings) -> GitClient {
        GitClient(
            identity: GitClient.Identity(name: settings.git.username, email: settings.git.email),
            credential: settings.git.token.flatMap {
                GitCredential(token: $0.reveal(), hosts: settings.git.tokenHosts)
            },
            remoteHosts: settings.service.remoteHosts,
            owner: absolute(settings.service.data))
    }

    private static func taskSettings(_ settings: Settings) -> TaskSettings {
        var task = TaskSettings(
            repositories: absolute(settings.service.data) + "/repositories", model: settings.models.name)
        task.maxSteps = settings.limits.steps
        task.timeout = .seconds(settings.limits.taskSeconds)
        task.maxCostUSD = settings.limits.cost
        task.commandTimeout = .seconds(settings.limits.commandSeconds)
        task.testTimeout = .seconds(settings.limits.testSeconds)
        task.keepWorkspaces = settings.service.keepWorkspaces
        task.allowLocalRepositories = settings.service.allowLocalRepositories
        task.push = settings.git.push == .auto
        return task
    }

    private static func absolute(_ path: String) -> String {
        URL(filePath: path).standardizedFileURL.path(percentEncoded: false)
    }
}
