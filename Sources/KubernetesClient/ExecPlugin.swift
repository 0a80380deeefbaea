internal import Foundation
internal import Subprocess
internal import SystemPackage

/// A program that gives out credentials, such as those of the cloud providers (`client.authentication.k8s.io`).
struct ExecPlugin: Sendable {
    struct Configuration: Sendable, Decodable {
        var apiVersion: String?
        var command: String?
        var args: [String]?
        var env: [Variable]?
        var installHint: String?
        var provideClusterInfo: Bool?

        struct Variable: Sendable, Decodable {
            var name: String
            var value: String
        }
    }

    /// What a plugin answered.
    struct Credential: Sendable {
        var token: String?
        var certificate: String?
        var key: String?
        var expiry: Date?
    }

    var configuration: Configuration
    /// The variables of this process, which the plugin inherits.
    var environment: [String: String]
    /// What is told of the cluster where the plugin asks for it.
    var cluster: ManifestValue

    /// Runs the program.
    ///
    /// - Throws: ``KubernetesError`` without any of the program's output, which may hold the credential.
    func run() async throws -> Credential {
        guard let command = configuration.command, !command.isEmpty else {
            throw KubernetesError(.configuration, "The kubeconfig's exec plugin names no command.")
        }
        let version = configuration.apiVersion ?? "client.authentication.k8s.io/v1"
        var spec: ManifestValue = ["interactive": false]
        if configuration.provideClusterInfo == true { spec["cluster"] = cluster }
        let info: ManifestValue = ["apiVersion": .string(version), "kind": "ExecCredential", "spec": spec]
        var variables = environment
        for variable in configuration.env ?? [] { variables[variable.name] = variable.value }
        variables["KUBERNETES_EXEC_INFO"] = String(decoding: try JSONEncoder().encode(info), as: UTF8.self)

        let output: [UInt8]
        do {
            let result = try await withTimeout(.seconds(60)) { [variables] in
                try await Subprocess.run(
                    command.contains("/") ? .path(FilePath(command)) : .name(command),
                    arguments: Arguments(configuration.args ?? []),
                    environment: .custom(
                        Dictionary(uniqueKeysWithValues: variables.map { (Environment.Key(stringLiteral: $0), $1) })),
                    output: .bytes(limit: 1 << 20), error: .discarded)
            }
            guard result.terminationStatus.isSuccess else {
                throw KubernetesError(
                    .configuration,
                    "The credential plugin \(command) failed (\(result.terminationStatus)); run it by hand to see why.")
            }
            output = result.standardOutput
        } catch let error as SubprocessError {
            let hint = configuration.installHint.map { " \($0)" } ?? ""
            throw KubernetesError(.configuration, "The credential plugin \(command) cannot be run: \(error).\(hint)")
        }
        return try Self.credential(in: output, command: command)
    }

    private static func credential(in output: [UInt8], command: String) throws -> Credential {
        struct Answer: Decodable {
            var status: Status?

            struct Status: Decodable {
                var token: String?
                var clientCertificateData: String?
                var clientKeyData: String?
                var expirationTimestamp: String?
            }
        }
        guard let status = (try? JSONDecoder().decode(Answer.self, from: Data(output)))?.status,
            status.token != nil || status.clientCertificateData != nil
        else {
            throw KubernetesError(
                .configuration, "The credential plugin \(command) gave no ExecCredential with a status.")
        }
        let expiry = status.expirationTimestamp.flatMap { try? Date($0, strategy: .iso8601) }
        return Credential(
            token: status.token, certificate: status.clientCertificateData, key: status.clientKeyData, expiry: expiry)
    }
}

/// Ends an operation with a ``KubernetesError`` when it has taken too long.
func withTimeout<Result: Sendable>(
    _ timeout: Duration, _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: timeout)
            throw KubernetesError(.unreachable, "There was no answer within \(timeout).")
        }
        return try await group.next()!
    }
}
