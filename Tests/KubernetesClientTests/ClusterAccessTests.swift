import Foundation
import KubernetesClient
import Testing

/// Clusters are found as kubectl finds them, and no error shows a token.
struct ClusterAccessTests {
    private func withFiles(_ files: [String: String], _ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "kubeconfig-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for (name, text) in files { try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(name)")) }
        try body(folder)
    }

    private static let first = """
        current-context: a
        clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443"}}]
        contexts: [{name: a, context: {cluster: c, user: u, namespace: one}}]
        """
    private static let second = """
        current-context: b
        users: [{name: u, user: {token: secret-token}}]
        contexts: [{name: a, context: {cluster: c, namespace: two}}, {name: b, context: {cluster: c}}]
        """

    @Test func ofSeveralFilesTheFirstToSaySomethingCounts() throws {
        try withFiles(["1": Self.first, "2": Self.second]) { (folder) throws in
            let environment = ["KUBECONFIG": "\(folder)/1:\(folder)/missing:\(folder)/2"]
            #expect(try ClusterAccess.find(environment: environment).namespace == "one")
            #expect(try ClusterAccess.find(environment: environment, context: "b").namespace == "default")
        }
    }

    @Test func whatCannotBeUsedIsSaidWithoutTheToken() throws {
        try withFiles(["broken": "users: [{name: u, user: {token: [secret-token"]) { folder in
            let error = #expect(throws: KubernetesError.self) {
                try ClusterAccess.find(environment: ["KUBECONFIG": "\(folder)/broken"])
            }
            #expect(error?.message.contains("broken") == true)
            #expect(error?.message.contains("secret-token") == false)
        }
        let none = #expect(throws: KubernetesError.self) { try ClusterAccess.find(environment: ["HOME": "/no/such"]) }
        #expect(none?.message.contains("KUBECONFIG") == true)
    }
}
