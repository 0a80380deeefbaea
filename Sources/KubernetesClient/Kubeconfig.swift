internal import Foundation
internal import Yams

/// A kubeconfig file, as far as a client needs it (`client.config.k8s.io/v1 Config`).
struct Kubeconfig: Sendable {
    var clusters: [String: Cluster] = [:]
    var users: [String: User] = [:]
    var contexts: [String: Context] = [:]
    var currentContext: String?

    struct Cluster: Sendable, Decodable {
        var server: String?
        var tlsServerName: String?
        var insecureSkipTLSVerify: Bool?
        var certificateAuthority: String?
        var certificateAuthorityData: String?
        var proxyURL: String?

        enum CodingKeys: String, CodingKey {
            case server
            case tlsServerName = "tls-server-name"
            case insecureSkipTLSVerify = "insecure-skip-tls-verify"
            case certificateAuthority = "certificate-authority"
            case certificateAuthorityData = "certificate-authority-data"
            case proxyURL = "proxy-url"
        }
    }

    struct User: Sendable, Decodable {
        var token: String?
        var tokenFile: String?
        var clientCertificate: String?
        var clientCertificateData: String?
        var clientKey: String?
        var clientKeyData: String?
        var username: String?
        var password: String?
        var exec: ExecPlugin.Configuration?
        var authProvider: AuthProvider?

        struct AuthProvider: Sendable, Decodable { var name: String? }

        enum CodingKeys: String, CodingKey {
            case token, tokenFile, username, password, exec
            case clientCertificate = "client-certificate"
            case clientCertificateData = "client-certificate-data"
            case clientKey = "client-key"
            case clientKeyData = "client-key-data"
            case authProvider = "auth-provider"
        }
    }

    struct Context: Sendable, Decodable {
        var cluster: String?
        var user: String?
        var namespace: String?
    }

    /// Reads several files as kubectl does: what an earlier one says counts, and files that do not exist say nothing.
    ///
    /// - Throws: ``KubernetesError`` that names the file which cannot be read.
    init(files: [String]) throws {
        for file in files {
            guard let data = FileManager.default.contents(atPath: file) else {
                if FileManager.default.fileExists(atPath: file) {
                    throw KubernetesError(.configuration, "The kubeconfig \(file) cannot be read.")
                }
                continue
            }
            let content: Content
            do {
                content = try YAMLDecoder().decode(Content?.self, from: data) ?? Content()
            } catch {
                // The parser's own words may quote the file, and with it a token.
                throw KubernetesError(.configuration, "\(file) is no kubeconfig: it is not the YAML of a Config.")
            }
            add(content, directory: (file as NSString).deletingLastPathComponent)
        }
    }

    private struct Named<Value: Decodable & Sendable>: Decodable, Sendable {
        var name: String
        var value: Value?

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            name = try container.decode(String.self, forKey: Key(stringValue: "name"))
            let key = container.allKeys.first {
                $0.stringValue != "name" && ["cluster", "user", "context"].contains($0.stringValue)
            }
            value = try key.flatMap { try container.decodeIfPresent(Value.self, forKey: $0) }
        }

        private struct Key: CodingKey {
            var stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }
    }

    private struct Content: Decodable {
        var clusters: [Named<Cluster>]?
        var users: [Named<User>]?
        var contexts: [Named<Context>]?
        var currentContext: String?

        init() {}

        enum CodingKeys: String, CodingKey {
            case clusters, users, contexts
            case currentContext = "current-context"
        }
    }

    private mutating func add(_ content: Content, directory: String) {
        func absolute(_ path: String?) -> String? {
            path.map { $0.isEmpty || $0.hasPrefix("/") ? $0 : "\(directory)/\($0)" }
        }
        for cluster in content.clusters ?? [] where clusters[cluster.name] == nil {
            clusters[cluster.name] = cluster.value
            clusters[cluster.name]?.certificateAuthority = absolute(cluster.value?.certificateAuthority)
        }
        for user in content.users ?? [] where users[user.name] == nil {
            users[user.name] = user.value
            users[user.name]?.tokenFile = absolute(user.value?.tokenFile)
            users[user.name]?.clientCertificate = absolute(user.value?.clientCertificate)
            users[user.name]?.clientKey = absolute(user.value?.clientKey)
            if let command = user.value?.exec?.command, command.contains("/") {
                users[user.name]?.exec?.command = absolute(command) ?? command
            }
        }
        for context in content.contexts ?? [] where contexts[context.name] == nil {
            contexts[context.name] = context.value
        }
        if currentContext?.isEmpty != false { currentContext = content.currentContext }
    }
}
