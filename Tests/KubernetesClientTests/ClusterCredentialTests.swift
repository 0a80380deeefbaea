import ClusterTestSupport
import Foundation
import KubernetesClient
import NIOCore
import Testing

/// Every way to be let into a cluster, over real TLS.
@Suite(.enabled(if: TestCluster.isPossible, "bubblewrap, nsenter and openssl are there"))
struct ClusterCredentialTests {
    /// Writes `kubeconfig` with this user, and gives the variables that name it.
    private static func configure(
        _ cluster: TestCluster, user: String, cluster more: String = "certificate-authority: ca.pem",
        address: String = "127.0.0.1"
    ) throws -> [String: String] {
        let text = """
            current-context: test
            clusters: [{name: test, cluster: {server: "https://\(address):\(cluster.port)", \(more)}}]
            users: [{name: test, user: {\(user)}}]
            contexts: [{name: test, context: {cluster: test, user: test, namespace: tasks}}]

            """
        let file = "\(cluster.folder)/other-kubeconfig"
        try Data(text.utf8).write(to: URL(filePath: file))
        return ["KUBECONFIG": file, "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
    }

    /// Makes a request and runs a command, which go different ways.
    private static func use(_ access: ClusterAccess) async throws {
        try await KubernetesClient.withClient(access) { client in
            try await ClusterRequestTests.makeReadyPod("a", client)
            let outcome = try await client.exec("a", container: "main", ["true"]) { try await $0.receive { _ in } }
            #expect(outcome == .exited(0))
            try await client.delete(.pods, "a")
        }
    }

    private static func write(_ text: String, _ file: String) throws {
        try Data(text.utf8).write(to: URL(filePath: file), options: .atomic)
    }

    private static func writeProgram(_ text: String, _ file: String) throws {
        try write(text, file)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
    }

    @Test func aClientCertificateFromFilesOrFromTheKubeconfigItself() async throws {
        try await TestCluster.run { cluster in
            try await cluster.makeClientCertificate()
            let files = try Self.configure(
                cluster, user: "client-certificate: client.pem, client-key: \(cluster.folder)/client-key.pem")
            try await Self.use(ClusterAccess.find(environment: files))
            func data(_ name: String) throws -> String {
                try Data(contentsOf: URL(filePath: "\(cluster.folder)/\(name)")).base64EncodedString()
            }
            let inside = try Self.configure(
                cluster,
                user: "client-certificate-data: \(data("client.pem")), client-key-data: \(data("client-key.pem"))",
                cluster: "certificate-authority-data: \(data("ca.pem"))")
            try await Self.use(ClusterAccess.find(environment: inside))
        }
    }

    @Test func aServerThatIsNotTheNamedOneIsNotTrusted() async throws {
        try await TestCluster.run { cluster in
            try await TestCluster.run { other in
                let user = "token: \(TestCluster.token)"
                for more in ["certificate-authority: \(other.folder)/ca.pem", "tls-server-name: else.test"] {
                    let access = try ClusterAccess.find(environment: Self.configure(cluster, user: user, cluster: more))
                    try await KubernetesClient.withClient(access) { client in
                        let error = await #expect(throws: KubernetesError.self) { _ = try await client.serverVersion() }
                        #expect(error?.kind == .unreachable)
                    }
                }
                let named = try Self.configure(
                    cluster, user: user, cluster: "certificate-authority: ca.pem, tls-server-name: api.test")
                try await Self.use(ClusterAccess.find(environment: named))
                let careless = try Self.configure(cluster, user: user, cluster: "insecure-skip-tls-verify: true")
                try await Self.use(ClusterAccess.find(environment: careless))
            }
            #expect(await cluster.state.requests.contains("POST pods"))
        }
    }

    @Test func aTokenFileIsReadAgainWhenItsTokenIsRefused() async throws {
        try await TestCluster.run { cluster in
            try Self.write("first\n", "\(cluster.folder)/token")
            await cluster.state.accept(tokens: "first")
            let access = try ClusterAccess.find(environment: Self.configure(cluster, user: "tokenFile: token"))
            try await KubernetesClient.withClient(access) { client in
                try await ClusterRequestTests.makeReadyPod("a", client)
                try Self.write("second\n", "\(cluster.folder)/token")
                await cluster.state.accept(tokens: "second")
                _ = try await client.list(.pods, as: Pod.self)
                try Self.write("third\n", "\(cluster.folder)/token")
                await cluster.state.accept(tokens: "third")
                let outcome = try await client.exec("a", container: "main", ["true"]) { try await $0.receive { _ in } }
                #expect(outcome == .exited(0))
                await cluster.state.accept(tokens: "none of these")
                let error = await #expect(throws: KubernetesError.self) {
                    _ = try await client.list(.pods, as: Pod.self)
                }
                #expect(error?.kind == .status(401))
                #expect(error?.message.contains("third") == false)
            }
        }
    }

    @Test func inAPodTheServiceAccountIsUsedWhoseTokenRotates() async throws {
        try await TestCluster.run { cluster in
            let folder = cluster.folder + "/serviceaccount"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: cluster.folder + "/ca.pem", toPath: folder + "/ca.crt")
            try Self.write("tasks\n", folder + "/namespace")
            try Self.write("first", folder + "/token")
            let environment = [
                "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "\(cluster.port)",
                "HOME": cluster.folder + "/no-home",
            ]
            await cluster.state.accept(tokens: "first", "second")
            let access = try ClusterAccess.find(environment: environment, serviceAccount: folder)
            #expect(access.namespace == "tasks")
            try await KubernetesClient.withClient(access) { client in
                _ = try await client.list(.pods, as: Pod.self)
                try Self.write("second", folder + "/token")
                await cluster.state.accept(tokens: "second")
                _ = try await client.list(.pods, as: Pod.self)
            }
            try FileManager.default.removeItem(atPath: folder + "/token")
            let error = #expect(throws: KubernetesError.self) {
                try ClusterAccess.find(environment: environment, serviceAccount: folder)
            }
            #expect(error?.message.contains("token") == true)
        }
    }

    /// A plugin that notes each run and answers with what a file has.
    private static func plugin(_ cluster: TestCluster, expiry: String = "") throws -> [String: String] {
        let script = """
            #!/bin/sh
            echo "$1 $EXTRA $KUBERNETES_EXEC_INFO" >>"\(cluster.folder)/runs"
            cat "\(cluster.folder)/credential"
            """
        try writeProgram(script, cluster.folder + "/plugin")
        return try configure(
            cluster,
            user: """
                exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [get-token], \
                env: [{name: EXTRA, value: extra}], provideClusterInfo: true, interactiveMode: Never}
                """)
    }

    private static func runs(_ cluster: TestCluster) throws -> [Substring] {
        try String(contentsOfFile: cluster.folder + "/runs", encoding: .utf8).split(separator: "\n")
    }

    private static func answer(_ cluster: TestCluster, _ status: ManifestValue) throws {
        let credential: ManifestValue = [
            "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status,
        ]
        try JSONEncoder().encode(credential).write(to: URL(filePath: cluster.folder + "/credential"))
    }

    @Test func aPluginIsRunOnceAndAgainWhenItsTokenIsRefusedOrEnds() async throws {
        try await TestCluster.run { cluster in
            let access = try ClusterAccess.find(environment: Self.plugin(cluster))
            try Self.answer(cluster, ["token": "first"])
            await cluster.state.accept(tokens: "first")
            try await KubernetesClient.withClient(access) { client in
                // At the same time: they wait for the same answer.
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 1...8 { group.addTask { _ = try await client.list(.pods, as: Pod.self) } }
                    try await group.waitForAll()
                }
                let runs = try Self.runs(cluster)
                #expect(runs.count == 1)
                #expect(runs[0].hasPrefix("get-token extra {"))
                #expect(runs[0].contains("127.0.0.1") && runs[0].contains(#""interactive":false"#), "\(runs)")
                // What has ended by the time of the next request is not used again.
                try Self.answer(cluster, ["token": "second", "expirationTimestamp": "2020-01-01T00:00:00Z"])
                await cluster.state.accept(tokens: "second")
                _ = try await client.list(.pods, as: Pod.self)
                _ = try await client.list(.pods, as: Pod.self)
                #expect(try Self.runs(cluster).count == 3)
            }
        }
    }

    @Test func aPluginMayAnswerWithACertificate() async throws {
        try await TestCluster.run { cluster in
            try await cluster.makeClientCertificate()
            func text(_ name: String) throws -> ManifestValue {
                .string(try String(contentsOfFile: "\(cluster.folder)/\(name)", encoding: .utf8))
            }
            try Self.answer(
                cluster,
                ["clientCertificateData": text("client.pem"), "clientKeyData": text("client-key.pem")])
            try await Self.use(ClusterAccess.find(environment: Self.plugin(cluster)))
        }
    }

    @Test func aPluginThatFailsIsNamedAndItsOutputIsNot() async throws {
        try await TestCluster.run { cluster in
            let environment = try Self.plugin(cluster)
            let access = try ClusterAccess.find(environment: environment)
            try Self.write("secret-token is no JSON", cluster.folder + "/credential")
            try await KubernetesClient.withClient(access) { client in
                let error = await #expect(throws: KubernetesError.self) {
                    _ = try await client.list(.pods, as: Pod.self)
                }
                #expect(error?.message.contains("plugin") == true)
                #expect(error?.message.contains("secret-token") == false)
            }
            try Self.writeProgram("#!/bin/sh\necho secret-token >&2; exit 3\n", cluster.folder + "/plugin")
            try await KubernetesClient.withClient(access) { client in
                let error = await #expect(throws: KubernetesError.self) {
                    _ = try await client.list(.pods, as: Pod.self)
                }
                #expect(error?.message.contains("run it by hand") == true)
                #expect(error?.message.contains("secret-token") == false)
            }
            try FileManager.default.removeItem(atPath: cluster.folder + "/plugin")
            try await KubernetesClient.withClient(access) { client in
                let error = await #expect(throws: KubernetesError.self) {
                    _ = try await client.list(.pods, as: Pod.self)
                }
                #expect(error?.message.contains("cannot be run") == true, "\(error as Any)")
            }
        }
    }

    @Test func anotherContextIsAnotherUser() async throws {
        try await TestCluster.run { cluster in
            let more = """
                users: [{name: other, user: {token: other-token}}]
                contexts: [{name: other, context: {cluster: test, user: other, namespace: elsewhere}}]
                """
            try Self.write(more, cluster.folder + "/more")
            await cluster.state.accept(tokens: "other-token")
            // The cluster is in one file, its user in the other.
            let environment = ["KUBECONFIG": "\(cluster.folder)/more:\(cluster.folder)/kubeconfig"]
            let access = try ClusterAccess.find(environment: environment, context: "other")
            #expect(access.namespace == "elsewhere")
            try await KubernetesClient.withClient(access, namespace: "tasks") { client in
                _ = try await client.list(.pods, as: Pod.self)
            }
            let current = try ClusterAccess.find(environment: environment)
            try await KubernetesClient.withClient(current) { client in
                let error = await #expect(throws: KubernetesError.self) {
                    _ = try await client.list(.pods, as: Pod.self)
                }
                #expect(error?.kind == .status(401))
            }
            let unknown = #expect(throws: KubernetesError.self) {
                try ClusterAccess.find(environment: environment, context: "none")
            }
            #expect(unknown?.message.contains("other, test") == true)
        }
    }
}
