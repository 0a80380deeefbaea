import Foundation
public import KubernetesClient
import Yams

/// The manifests of the project.
public enum Manifests {
    /// The objects of a file in `k8s`.
    public static func objects(in name: String) throws -> [ManifestValue] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "k8s/\(name)")
        let documents = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n---\n")
        return try documents.map { try YAMLDecoder().decode(ManifestValue.self, from: Data($0.utf8)) }
    }
}
