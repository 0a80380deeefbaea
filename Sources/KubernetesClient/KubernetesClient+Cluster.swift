internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOFoundationCompat
internal import NIOHTTP1

extension KubernetesClient {
    /// The server's version, such as `v1.36.0`. Unlike other requests this one is made once, unless the server asks to wait:
    /// it tells whether the server is there now.
    public func serverVersion() async throws -> String {
        let answer: ManifestValue = try await getOnce("/version", purpose: "asking for the server's version")
        guard let version = answer["gitVersion"]?.string else {
            throw KubernetesError(.malformed, "The server says no version: is it a Kubernetes API server?")
        }
        return version
    }

    /// The versions in which the server has the objects of a group; empty where it does not know the group.
    public func versions(ofGroup group: String) async throws -> [String] {
        do {
            let answer: ManifestValue = try await getOnce(
                "/apis/\(Self.escape(group))", purpose: "looking for \(group)")
            return answer["versions"]?.list?.compactMap { $0["version"]?.string } ?? []
        } catch let error as KubernetesError where error.isNotFound {
            return []
        }
    }

    /// Those of the permissions that one does not have.
    public func missing(_ permissions: [ClusterPermission]) async throws -> [ClusterPermission] {
        let missing = try await withThrowingTaskGroup(of: (Int, Bool).self) { group in
            for (index, permission) in permissions.enumerated() {
                group.addTask {
                    (index, try await may(permission.verb, permission.resource, subresource: permission.subresource))
                }
            }
            return try await group.reduce(into: [Int]()) { if !$1.1 { $0.append($1.0) } }
        }
        return missing.sorted().map { permissions[$0] }
    }

    private func getOnce(_ path: String, purpose: String) async throws -> ManifestValue {
        let body = try await KubernetesRetry.run(where: { $0.kind == .status(429) }) {
            let response = try await open(.GET, path, timeout: .seconds(20), purpose: purpose)
            return try await Self.collect(response, upTo: 1 << 20, purpose)
        }
        guard let answer = try? JSONDecoder().decode(ManifestValue.self, from: Data(body.readableBytesView)) else {
            throw KubernetesError(.malformed, "\(purpose): the answer is not what the API describes.")
        }
        return answer
    }
}

extension KubernetesResource {
    public static let runtimeClasses = KubernetesResource(
        group: "node.k8s.io", plural: "runtimeclasses", isNamespaced: false)
}
