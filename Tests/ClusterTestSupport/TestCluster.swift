import Foundation
public import KubernetesClient
import Subprocess
import SystemPackage

/// An API server of Kubernetes on loopback, over real TLS, whose pods are real processes in namespaces of their own.
///
/// It behaves as a v1.36 server was seen to, as far as sandboxes need it: pods and their logs, watches with bookmarks that
/// expire, exec over v5 and v4, rights, conflicts, the restricted pod-security standard; and on demand as servers do on bad
/// days. It needs bubblewrap, nsenter and openssl.
public struct TestCluster: Sendable {
    public let state: ClusterState
    /// What goes wrong.
    public let faults: ClusterFaults
    /// `nil` where the cluster has no agent-sandbox.
    public let sandboxes: SandboxController?
    public let port: Int
    private let door: ClusterPort
    /// A folder with `ca.pem` and `kubeconfig`.
    public let folder: String
    public static let token = "the-token-of-the-tests"

    /// Whether the programs that pods are made with are there.
    public static let isPossible = ["bwrap", "nsenter", "openssl"].allSatisfy { name in
        ["/usr/bin", "/bin", "/usr/local/bin"].contains {
            FileManager.default.isExecutableFile(atPath: "\($0)/\(name)")
        }
    }

    public var environment: [String: String] { ["KUBECONFIG": "\(folder)/kubeconfig"] }

    /// Runs a cluster for as long as `body` does; then none of its processes is left.
    ///
    /// - Parameter hasAgentSandbox: Whether it has the kinds of agent-sandbox, and their controller.
    public static func run<Result: Sendable>(
        hasAgentSandbox: Bool = false,
        _ body: @escaping @Sendable (TestCluster) async throws -> Result
    ) async throws -> Result {
        let folder = FileManager.default.currentDirectoryPath + "/.build/test-clusters/\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await makeCertificates(in: folder)
        let (pods, starts) = AsyncStream.makeStream(of: TestPod.self)
        let state = ClusterState(folder: folder, starts: starts)
        let sandboxes = hasAgentSandbox ? SandboxController(cluster: state, violation: ClusterServer.violation) : nil
        if hasAgentSandbox { await state.addAgentSandbox() }
        let faults = ClusterFaults()
        let server = try await ClusterServer(state: state, faults: faults, sandboxes: sandboxes, folder: folder)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await withTaskGroup { running in
                    for await pod in pods { running.addTask { await pod.live(state) } }
                    running.cancelAll()
                }
            }
            group.addTask { try await server.run() }
            group.addTask { await sandboxes?.run() }
            defer { group.cancelAll() }
            let cluster = TestCluster(
                state: state, faults: faults, sandboxes: sandboxes, port: await server.port.number, door: server.port,
                folder: folder)
            try cluster.writeKubeconfig()
            let result = try await body(cluster)
            await state.end()
            return result
        }
    }

    /// Breaks off all connections there are.
    public func cutConnections() { door.connections.cutAll() }

    /// Closes the server's port, and breaks off all connections, until ``comeBack()``. Pods go on.
    public func goAway() async { await door.close() }

    public func comeBack() async throws { try await door.open() }
    public var isAway: Bool { get async { await !door.isOpen } }

    /// Runs a script in the first container of a pod, past the server.
    ///
    /// - Returns: Its exit code; `nil` where there is no such pod.
    @discardableResult
    public func execute(_ script: String, in pod: String) async throws -> Int? {
        try await state.process(pod)?.exec(["/bin/sh", "-c", script], in: "main", input: AsyncStream { $0.finish() }) {
            _, _ in
        }
    }

    /// Makes `client.pem` and `client-key.pem` in the folder: a client that the cluster's authority knows.
    public func makeClientCertificate() async throws {
        try await Self.openssl(
            """
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /O=team/CN=client \\
                -keyout client-key.pem -out client.csr
            openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out client.pem
            """, in: folder)
    }

    /// A client of this cluster as its kubeconfig describes it.
    public func withClient<Result: Sendable>(
        _ body: @Sendable (KubernetesClient) async throws -> Result
    ) async throws -> Result {
        try await KubernetesClient.withClient(ClusterAccess.find(environment: environment), body)
    }

    private func writeKubeconfig() throws {
        let text = """
            apiVersion: v1
            kind: Config
            current-context: test
            clusters: [{name: test, cluster: {server: "https://127.0.0.1:\(port)", certificate-authority: ca.pem}}]
            users: [{name: test, user: {token: "\(Self.token)"}}]
            contexts: [{name: test, context: {cluster: test, user: test, namespace: tasks}}]

            """
        try Data(text.utf8).write(to: URL(filePath: "\(folder)/kubeconfig"))
    }

    private static func makeCertificates(in folder: String) async throws {
        try await openssl(
            """
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test-ca \\
                -keyout ca.key -out ca.pem
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=test -keyout key.pem -out csr.pem
            printf 'subjectAltName=IP:127.0.0.1,DNS:api.test\\n' >san
            openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out cert.pem
            """, in: folder)
    }

    private static func openssl(_ script: String, in folder: String) async throws {
        let result = try await Subprocess.run(
            .path("/bin/sh"), arguments: ["-c", "set -e; cd \"$0\"\n" + script, folder], output: .discarded,
            error: .string(limit: 1 << 16))
        guard result.terminationStatus.isSuccess else { throw ClusterFailure(result.standardError) }
    }
}

public struct ClusterFailure: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
