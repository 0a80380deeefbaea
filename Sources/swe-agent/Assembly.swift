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
            let limits = TaskService.Limits(
                running: settings.service.maxRunning, queued: settings.service.maxQueued,
                perClient: settings.service.maxPerClient)
            result = .success(
                try await withTaskExecutorPreference(EventLoopExecutor.shared) {
                    try await withSandboxes(settings, logger: logger) { sandboxes in
                        let runner = try runner(settings, sandboxes, http: http, logger: logger)
                        return try await SQLiteRunStore.withStore(
                            in: settings.service.data, on: EventLoopExecutor.requests.serial
                        ) { store in
                            try await removeForgottenPods(of: sandboxes, store, settings, logger: logger)
                            let service = TaskService(
                                store: RedactingStore(store, settings.redaction), runner: runner, limits: limits,
                                retention: settings.service.retention, executor: store.executor, logger: logger)
                            return try await body(service)
                        }
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

    private static func runner(
        _ settings: Settings, _ sandboxes: any SandboxProvider, http: HTTPClient, logger: Logger
    ) throws -> TaskRunner {
        let catalog = ModelCatalog(settings: settings.models.catalog, client: http, logger: logger)
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
        var task = taskSettings(settings)
        // Of a cluster's network this machine knows nothing.
        task.hasNetwork = (sandboxes as? LocalSandboxProvider)?.hasNetwork ?? true
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

    private static func git(_ settings: Settings) -> GitClient {
        GitClient(
            identity: GitClient.Identity(name: settings.git.username, email: settings.git.email),
            credential: settings.git.token.flatMap {
                GitCredential(token: $0.reveal(), hosts: settings.git.tokenHosts)
            },
            remoteHosts: settings.service.remoteHosts,
            taskDirectory: absolute(settings.service.workspace),
            cloneLimit: settings.git.cloneSize.map { $0 << 20 },
            networkTimeout: .seconds(settings.git.timeoutSeconds),
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

    static func absolute(_ path: String) -> String {
        URL(filePath: path).standardizedFileURL.path(percentEncoded: false)
    }
}
