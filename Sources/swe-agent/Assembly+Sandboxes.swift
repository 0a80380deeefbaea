import Foundation
import KubernetesClient
import Logging
import Sandboxes
import Workflow

extension Assembly {
    /// Makes what the sandboxes of tasks are made with, for as long as `body` runs.
    ///
    /// - Throws: ``SettingsError`` where a setting, a program or a permission is missing.
    static func withSandboxes<Result: Sendable>(
        _ settings: Settings, logger: Logger, _ body: @Sendable (any SandboxProvider) async throws -> Result
    ) async throws -> Result {
        guard let cluster = settings.cluster else {
            return try await body(try await localSandboxes(settings, logger: logger))
        }
        let access: ClusterAccess
        do {
            access = try ClusterAccess.find(
                environment: ProcessInfo.processInfo.environment, context: cluster.context)
        } catch {
            throw SettingsError("\(error)")
        }
        return try await KubernetesClient.withClient(access, namespace: cluster.namespace) { client in
            try await body(try podSandboxes(settings, cluster, client, logger: logger))
        }
    }

    private static func podSandboxes(
        _ settings: Settings, _ cluster: Settings.Cluster, _ client: KubernetesClient, logger: Logger
    ) throws -> PodSandboxProvider {
        do {
            return try PodSandboxProvider(
                client: client, settings: cluster.pods, state: absolute(settings.service.data) + "/pods",
                logger: logger)
        } catch let error as SandboxError {
            throw SettingsError(error.message)
        }
    }

    /// Deletes the pods of tasks that are over: what a service that was killed left behind.
    static func removeForgottenPods(
        of sandboxes: any SandboxProvider, _ store: any RunStore, _ settings: Settings, logger: Logger
    ) async throws {
        guard let pods = sandboxes as? PodSandboxProvider, !settings.service.keepWorkspaces else { return }
        let unfinished = try await store.unfinished().map(\.id)
        do {
            try await pods.removeAll(except: Set(unfinished))
        } catch let error as SandboxError {
            // The cluster may be away for a while; each task says so itself.
            logger.warning("pods of earlier tasks could not be looked for: \(error.message)")
        }
    }

    private static func localSandboxes(
        _ settings: Settings, logger: Logger
    ) async throws -> LocalSandboxProvider {
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
}
