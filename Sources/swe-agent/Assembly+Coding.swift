import Agents
import AsyncHTTPClient
import Foundation
import LanguageModels
import Logging
import Sandboxes

extension Assembly {
    /// The coding agent with its sandboxes, and what a person wants to know of them.
    struct CodingParts: Sendable {
        var agent: CodingAgent
        var sandboxes: ProgramSandboxes
        let catalog: ModelCatalog
        /// What the programs run in, in a few words.
        var sandbox: String
        /// What a person should know before running anything, in lines; `nil` for nothing.
        var warning: String?

        /// The model of a name: one in this process as it is, others with retries.
        ///
        /// - Throws: ``ModelNameError``.
        func model(
            named name: String, onRetry: @escaping @Sendable (String) -> Void
        ) throws -> any LanguageModel {
            try catalog.completingModel(named: name) ?? catalog.model(named: name, onRetry: onRetry)
        }

        /// Checks that a model can be made.
        ///
        /// - Throws: ``SettingsError``.
        func validate(_ model: String) throws {
            do {
                try catalog.validate(model)
            } catch {
                throw SettingsError("\(error)")
            }
        }
    }

    /// Makes a coding agent for as long as `body` runs.
    ///
    /// - Parameters:
    ///   - workspace: The directory for the programs' own ones.
    ///   - hidden: A directory that programs must not see, but for their own.
    /// - Throws: ``SettingsError`` where a setting or a program is missing.
    static func withCodingAgent<Result: Sendable>(
        _ settings: Settings, workspace: String, hiding hidden: String,
        _ body: @escaping @Sendable (CodingParts) async throws -> Result
    ) async throws -> Result {
        let http = HTTPClient(configuration: ModelHTTPClient.configuration)
        let result: Swift.Result<Result, any Error>
        do {
            let parts = try await codingParts(settings, workspace: workspace, hiding: hidden, http: http)
            try parts.validate(settings.models.name)
            result = .success(
                try await withThrowingTaskGroup(of: Result?.self) { group in
                    defer { group.cancelAll() }
                    group.addTask {
                        await parts.sandboxes.host()
                        return nil
                    }
                    group.addTask { try await body(parts) }
                    while let ended = try await group.next() {
                        if let result = ended { return result }
                    }
                    throw CancellationError()
                })
        } catch {
            result = .failure(error)
        }
        try? await http.shutdown()
        return try result.get()
    }

    private static func codingParts(
        _ settings: Settings, workspace: String, hiding hidden: String, http: HTTPClient
    ) async throws -> CodingParts {
        var local = settings.coding.sandbox
        local.hiddenDirectories.append(hidden)
        let provider: LocalSandboxProvider
        do {
            provider = try await LocalSandboxProvider(
                root: workspace, settings: local, hostEnvironment: ProcessInfo.processInfo.environment)
        } catch let error as SandboxError {
            throw SettingsError(error.message)
        }
        var coding = CodingSettings()
        coding.timeout = .seconds(settings.coding.seconds)
        coding.memory = settings.coding.memory
        var sandbox = "local, "
        var warnings = [Settings.warningAboutFile()].compactMap { $0 }
        switch provider.isolation {
        case .bubblewrap:
            // A user namespace counts its own processes.
            coding.processes = 256
            sandbox += "bubblewrap, \(provider.network.words)"
        case .landlock:
            sandbox += "Landlock, \(provider.network.words)"
        case .none(let reason):
            if settings.coding.networkIsChosen, !local.hasNetwork {
                throw SettingsError("SANDBOX_NETWORK=off needs bubblewrap (\(reason)): install it, or write on")
            }
            ProcessMemory.hide()
            sandbox += "no isolation"
            warnings.append("Programs run without isolation, with your rights and the network, because \(reason).")
        }
        let catalog = ModelCatalog(
            settings: settings.models.catalog, client: http, logger: logger(settings, default: .warning))
        let sandboxes = ProgramSandboxes(provider: provider, interpreter: settings.coding.interpreter)
        let agent = CodingAgent(settings: coding, sandboxes: sandboxes) { name, onRetry in
            if let model = try catalog.completingModel(named: name) { return model }
            return RedactingModel(try catalog.model(named: name, onRetry: onRetry), settings.redaction)
        }
        return CodingParts(
            agent: agent, sandboxes: sandboxes, catalog: catalog, sandbox: sandbox,
            warning: warnings.isEmpty ? nil : warnings.joined(separator: "\n"))
    }
}

extension SandboxNetwork {
    /// What it is, in a few words for people.
    fileprivate var words: String {
        switch self {
        case .none: "no network"
        case .outbound: "network"
        case .host: "the host's network"
        }
    }
}
