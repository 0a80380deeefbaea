import Foundation
import KubernetesClient
import NIOCore
import NIOHTTP1

/// Requests about the objects of agent-sandbox.
extension ClusterServer {
    func respond(
        _ method: HTTPMethod, _ kind: SandboxController.Kind, _ path: [String], _ query: [String: String], _ body: Data,
        _ sandboxes: SandboxController, _ out: Writer
    ) async throws {
        let name = path.count > 6 ? path[6] : nil
        let selector = Self.selector(query)
        await state.note("\(query["watch"] == "true" ? "WATCH" : method.rawValue) \(kind.rawValue)")
        switch (method, name) {
        case (.GET, nil) where query["watch"] == "true":
            let type = (kind.objectKind, "\(kind.group)/v1beta1")
            try await watch(sandboxes, kind.rawValue, type, query, selector, out)
        case (.GET, nil):
            let list = await sandboxes.list(kind, selector)
            try await answer(
                ["metadata": ["resourceVersion": .string("\(list.version)")], "items": .list(list.items)], out)
        case (.GET, let name?):
            guard let object = await sandboxes.get(kind, name) else { return try await notFound(kind, name, out) }
            try await answer(object, out)
        case (.POST, nil):
            let object = try JSONDecoder().decode(ManifestValue.self, from: body)
            if let fault = try CustomSchema.of(kind.rawValue).fault(of: object) {
                return try await fail(422, "Invalid", "\(kind.rawValue): \(fault)", out)
            }
            let name = object["metadata"]?["name"]?.string ?? ""
            guard let made = await sandboxes.create(kind, object, name) else {
                return try await fail(409, "AlreadyExists", "\(kind.rawValue) \"\(name)\" already exists", out)
            }
            try await answer(made, status: 201, out)
        case (.PATCH, let name?):
            let change = try JSONDecoder().decode(ManifestValue.self, from: body)
            guard let object = await sandboxes.get(kind, name) else { return try await notFound(kind, name, out) }
            if let fault = try CustomSchema.of(kind.rawValue).fault(of: object.merged(with: change)) {
                return try await fail(422, "Invalid", "\(kind.rawValue): \(fault)", out)
            }
            try await answer(await sandboxes.patch(kind, name, change) ?? .null, out)
        case (.DELETE, let name?):
            guard let object = await sandboxes.delete(kind, name) else { return try await notFound(kind, name, out) }
            try await answer(object, out)
        default: try await fail(405, "MethodNotAllowed", "not supported", out)
        }
    }

    private func notFound(_ kind: SandboxController.Kind, _ name: String, _ out: Writer) async throws {
        try await fail(404, "NotFound", "\(kind.rawValue).\(kind.group) \"\(name)\" not found", out)
    }
}
