internal import Foundation
internal import NIOCore
internal import NIOSSL

/// Where a cluster is and who one is there, found as kubectl finds it.
public struct ClusterAccess: Sendable {
    /// The API server's address, without a slash at its end.
    let server: String
    /// The name in the server's certificate, where it is not the address's.
    let serverName: String?
    let tls: TLSConfiguration
    let identity: Identity
    /// The namespace of the context, or of the service account.
    public let namespace: String
    /// Where this comes from, for people: a context or the pod's service account.
    public let origin: String

    enum Identity: Sendable {
        case none
        case header(String)
        /// A file that is read again, as its token rotates.
        case tokenFile(String)
        case plugin(ExecPlugin)
    }

    /// Finds a cluster: the kubeconfig files of `KUBECONFIG`, or `~/.kube/config`, or the service account of this pod.
    ///
    /// - Parameters:
    ///   - environment: The variables of the process.
    ///   - context: A context of the kubeconfig; `nil` takes the current one.
    ///   - serviceAccount: The directory of the pod's service account.
    /// - Throws: ``KubernetesError`` that says what is missing or wrong.
    public static func find(
        environment: [String: String],
        context: String? = nil,
        serviceAccount: String = "/var/run/secrets/kubernetes.io/serviceaccount"
    ) throws -> ClusterAccess {
        let named = (environment["KUBECONFIG"] ?? "").split(separator: ":").map(String.init)
        let files = named.isEmpty ? environment["HOME"].map { ["\($0)/.kube/config"] } ?? [] : named
        let kubeconfig = try Kubeconfig(files: files)
        if let name = context ?? kubeconfig.currentContext, !name.isEmpty {
            return try ClusterAccess(kubeconfig, context: name, environment: environment)
        }
        if let host = environment["KUBERNETES_SERVICE_HOST"], let port = environment["KUBERNETES_SERVICE_PORT"] {
            return try ClusterAccess(serviceAccount: serviceAccount, host: host, port: port)
        }
        throw KubernetesError(
            .configuration,
            "No cluster is configured: set KUBECONFIG to a file with a current context, or run in a pod. "
                + "Looked in \(files.isEmpty ? "no file" : files.joined(separator: ", ")).")
    }

    private init(serviceAccount: String, host: String, port: String) throws {
        func contents(_ name: String) throws -> String {
            guard let data = FileManager.default.contents(atPath: "\(serviceAccount)/\(name)") else {
                throw KubernetesError(
                    .configuration,
                    "\(serviceAccount)/\(name) cannot be read: give the pod a service account with its token mounted.")
            }
            return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        }
        _ = try contents("token")
        server = "https://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        serverName = nil
        tls = try Self.tls(authority: contents("ca.crt"), certificate: nil, key: nil, verifies: true)
        identity = .tokenFile("\(serviceAccount)/token")
        namespace = try contents("namespace")
        origin = "this pod's service account"
    }

    private init(_ kubeconfig: Kubeconfig, context name: String, environment: [String: String]) throws {
        func wrong(_ text: String) -> KubernetesError {
            KubernetesError(.configuration, "The kubeconfig's context \(name) cannot be used: \(text).")
        }
        guard let context = kubeconfig.contexts[name] else {
            let names = kubeconfig.contexts.keys.sorted().joined(separator: ", ")
            throw wrong("there is none of this name; there are: \(names)")
        }
        guard let cluster = kubeconfig.clusters[context.cluster ?? ""], let address = cluster.server else {
            throw wrong("its cluster is missing or has no server")
        }
        guard cluster.proxyURL?.isEmpty != false else { throw wrong("a proxy-url is not supported") }
        guard let url = URL(string: address), let host = url.host(), !host.isEmpty,
            url.scheme == "https" || url.scheme == "http"
        else { throw wrong("the cluster's server is no URL") }
        let user = kubeconfig.users[context.user ?? ""] ?? Kubeconfig.User()
        if let provider = user.authProvider?.name {
            throw wrong("the auth-provider \(provider) is gone from Kubernetes; use its exec plugin")
        }

        /// What stands in the file as base64, or in a file of its own.
        func material(_ data: String?, _ file: String?, _ what: String) throws -> String? {
            if let data, !data.isEmpty {
                guard let bytes = Data(base64Encoded: data, options: .ignoreUnknownCharacters) else {
                    throw wrong("its \(what) is not base64")
                }
                return String(decoding: bytes, as: UTF8.self)
            }
            guard let file, !file.isEmpty else { return nil }
            guard let bytes = FileManager.default.contents(atPath: file) else {
                throw wrong("its \(what) \(file) cannot be read")
            }
            return String(decoding: bytes, as: UTF8.self)
        }
        do {
            tls = try Self.tls(
                authority: material(
                    cluster.certificateAuthorityData, cluster.certificateAuthority, "certificate-authority"),
                certificate: material(user.clientCertificateData, user.clientCertificate, "client-certificate"),
                key: material(user.clientKeyData, user.clientKey, "client-key"),
                verifies: cluster.insecureSkipTLSVerify != true)
        } catch let error as KubernetesError where error.message.hasPrefix("a ") {
            throw wrong(error.message)
        }
        server = address.hasSuffix("/") ? String(address.dropLast()) : address
        serverName = cluster.tlsServerName
        namespace = context.namespace.flatMap { $0.isEmpty ? nil : $0 } ?? "default"
        origin = "context \(name)"
        if let token = user.token, !token.isEmpty {
            identity = .header("Bearer \(token)")
        } else if let file = user.tokenFile, !file.isEmpty {
            identity = .tokenFile(file)
        } else if let username = user.username, !username.isEmpty {
            let login = Data("\(username):\(user.password ?? "")".utf8).base64EncodedString()
            identity = .header("Basic \(login)")
        } else if let exec = user.exec {
            var told: ManifestValue = ["server": .string(server)]
            if let data = cluster.certificateAuthorityData { told["certificate-authority-data"] = .string(data) }
            identity = .plugin(ExecPlugin(configuration: exec, environment: environment, cluster: told))
        } else {
            identity = .none
        }
    }

    /// - Throws: ``KubernetesError`` whose message begins with `a ` and names what cannot be read.
    static func tls(
        authority: String?, certificate: String?, key: String?, verifies: Bool
    ) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        // A server that is gone says no goodbye, and nothing waits for one.
        tls.shutdownTimeout = .seconds(1)
        if let authority {
            guard let certificates = try? NIOSSLCertificate.fromPEMBytes(Array(authority.utf8)), !certificates.isEmpty
            else { throw KubernetesError(.configuration, "a certificate-authority that is no PEM certificate") }
            tls.trustRoots = .certificates(certificates)
        }
        if !verifies { tls.certificateVerification = .none }
        return try adding(certificate: certificate, key: key, to: tls)
    }

    static func adding(certificate: String?, key: String?, to tls: TLSConfiguration) throws -> TLSConfiguration {
        guard let certificate else { return tls }
        var tls = tls
        guard let chain = try? NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)), !chain.isEmpty,
            let key, let privateKey = try? NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)
        else { throw KubernetesError(.configuration, "a client certificate or key that is no PEM") }
        tls.certificateChain = chain.map { .certificate($0) }
        tls.privateKey = .privateKey(privateKey)
        return tls
    }
}
