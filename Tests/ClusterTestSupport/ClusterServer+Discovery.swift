import Foundation
import KubernetesClient
import NIOHTTP1

/// What a server tells of itself and of rights.
extension ClusterServer {
    /// The answer to a request about the server and not about objects of a namespace; `nil` where it is about those.
    func discover(_ method: HTTPMethod, _ path: [String], _ body: Data) async throws -> (status: Int, ManifestValue)? {
        switch (method, path.first, path.count) {
        case (.GET, "version", 1): return (200, ["major": "1", "minor": "36", "gitVersion": "v1.36.0"])
        case (.GET, "apis", 2):
            guard let versions = await state.groups[path[1]] else { return nil }
            return (200, ["kind": "APIGroup", "versions": .list(versions.map { ["version": .string($0)] })])
        case (.GET, "apis", 5) where path[3] == "runtimeclasses":
            guard await state.runtimeClasses.contains(path[4]) else { return nil }
            return (200, ["metadata": ["name": .string(path[4])], "handler": "runsc"])
        case (.POST, "apis", 4) where path[3] == "selfsubjectaccessreviews":
            let review = try JSONDecoder().decode(ManifestValue.self, from: body)
            let isDenied = await state.denials.contains(Self.right(review["spec"]?["resourceAttributes"]))
            return (201, review.merged(with: ["metadata": [:], "status": ["allowed": .bool(!isDenied)]]))
        default: return nil
        }
    }

    /// A right as roles name it: `create pods/exec`.
    private static func right(_ attributes: ManifestValue?) -> String {
        let group = attributes?["group"]?.string ?? ""
        let subresource = attributes?["subresource"]?.string
        return (attributes?["verb"]?.string ?? "") + " " + (attributes?["resource"]?.string ?? "")
            + (group.isEmpty ? "" : ".\(group)") + (subresource.map { "/\($0)" } ?? "")
    }
}
