import Foundation
import KubernetesClient
import Yams

/// The schema of a resource definition in `Tests/Manifests/crds`, as far as the objects of tests need it.
struct CustomSchema {
    private let schema: ManifestValue

    /// - Parameter plural: The name of the resource.
    static func of(_ plural: String) throws -> CustomSchema {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Manifests/crds/\(plural).yaml")
        let definition = try YAMLDecoder().decode(ManifestValue.self, from: Data(contentsOf: file))
        let version = definition["spec"]?["versions"]?.list?.first
        return CustomSchema(schema: version?["schema"]?["openAPIV3Schema"] ?? .null)
    }

    /// What is wrong with an object; `nil` for nothing. Members that no schema names are wrong, which a real server drops.
    func fault(of object: ManifestValue) -> String? { Self.fault(of: object, schema, "") }

    private static func fault(of value: ManifestValue, _ schema: ManifestValue, _ path: String) -> String? {
        if let choices = schema["enum"]?.list, !choices.contains(value) { return "\(path) is none of \(choices)" }
        switch schema["type"]?.string {
        case "string" where value.string == nil: return "\(path) is no string"
        case "integer" where value.integer == nil: return "\(path) is no integer"
        case "boolean" where value.bool == nil: return "\(path) is no boolean"
        case "array":
            guard let items = value.list else { return "\(path) is no array" }
            let itemSchema = schema["items"] ?? [:]
            return items.lazy.compactMap { fault(of: $0, itemSchema, path + "[]") }.first
        case "object": return faultOfMembers(value, schema, path)
        default: return nil
        }
    }

    private static func faultOfMembers(_ value: ManifestValue, _ schema: ManifestValue, _ path: String) -> String? {
        guard let members = value.object else { return "\(path) is no object" }
        for name in schema["required"]?.list ?? [] where members[name.string ?? ""] == nil {
            return "\(path).\(name.string ?? "") is missing"
        }
        guard let properties = schema["properties"] else { return nil }
        for (name, member) in members {
            guard let part = properties[name] else { return "\(path).\(name) is unknown" }
            if let fault = fault(of: member, part, "\(path).\(name)") { return fault }
        }
        return nil
    }
}
