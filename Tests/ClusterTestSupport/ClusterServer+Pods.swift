import Foundation
import KubernetesClient
import NIOCore
import NIOHTTP1

/// Requests about pods.
extension ClusterServer {
    /// - Parameter path: What stands behind `pods`: a name and a part of it, a name, or nothing.
    func respondAboutPods(
        _ method: HTTPMethod, _ path: [String], _ query: [String: String], _ body: Data, _ out: Writer
    ) async throws {
        let selector = Self.selector(query)
        switch (method, path.first, path.dropFirst().first) {
        case (.GET, nil, nil) where query["watch"] == "true":
            try await watch(state, "pods", ("Pod", "v1"), query, selector, out)
        case (.GET, nil, nil):
            let list = await state.list(selector)
            try await answer(
                [
                    "kind": "PodList", "apiVersion": "v1",
                    "metadata": ["resourceVersion": .string("\(list.version)")], "items": .list(list.items),
                ], out)
        case (.POST, nil, nil): try await create(JSONDecoder().decode(ManifestValue.self, from: body), out)
        case (.GET, let name?, nil):
            guard let pod = await state.pod(name) else { return try await notFound(name, out) }
            try await answer(pod, out)
        case (.PATCH, let name?, nil):
            let change = try JSONDecoder().decode(ManifestValue.self, from: body)
            guard let pod = await state.pod(name) else { return try await notFound(name, out) }
            if let version = change["metadata"]?["resourceVersion"], version != pod["metadata"]?["resourceVersion"] {
                return try await fail(
                    409, "Conflict", "Operation cannot be fulfilled on pods \"\(name)\": the object has been modified",
                    out)
            }
            try await answer(await state.patch(name, change) ?? .null, out)
        case (.DELETE, let name?, nil):
            let options = try? JSONDecoder().decode(ManifestValue.self, from: body)
            guard let pod = await state.pod(name) else { return try await notFound(name, out) }
            if let uid = options?["preconditions"]?["uid"], uid != .null, uid != pod["metadata"]?["uid"] {
                return try await fail(
                    409, "Conflict", "the UID in the precondition does not match the UID in the record", out)
            }
            guard let deleted = await state.delete(name) else { return try await notFound(name, out) }
            try await answer(deleted, out)
        case (.GET, let name?, "log"?):
            guard await state.pod(name) != nil else { return try await notFound(name, out) }
            let text = await state.process(name)?.log(of: query["container"]) ?? ""
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            // The last line ends with a newline, after which there is nothing.
            let kept = query["tailLines"].flatMap { Int($0) }.map { lines.suffix($0 + 1)[...] } ?? lines[...]
            try await answer(200, text: kept.joined(separator: "\n"), headers: ["content-type": "text/plain"], out)
        case (_, _?, "exec"?): try await fail(400, "BadRequest", "Upgrade request required", out)
        default: try await fail(405, "MethodNotAllowed", "not supported", out)
        }
    }

    private func create(_ object: ManifestValue, _ out: Writer) async throws {
        if let violation = Self.violation(object) {
            return try await fail(403, "Forbidden", "violates PodSecurity \"restricted\": \(violation)", out)
        }
        let name = object["metadata"]?["name"]?.string ?? ""
        guard let pod = await state.create(object, name: name) else {
            return try await fail(409, "AlreadyExists", "pods \"\(name)\" already exists", out)
        }
        try await answer(pod, status: 201, out)
    }

    static func selector(_ query: [String: String]) -> @Sendable (ManifestValue) -> Bool {
        let name = query["fieldSelector"].map { String($0.dropFirst("metadata.name=".count)) }
        let label = query["labelSelector"]?.split(separator: "=", maxSplits: 1).map(String.init) ?? []
        return { object in
            (name == nil || object["metadata"]?["name"]?.string == name)
                && (label.count < 2 || object["metadata"]?["labels"]?[label[0]]?.string == label[1])
        }
    }

    /// What of the restricted pod-security standard a pod breaks.
    static func violation(_ pod: ManifestValue) -> String? {
        let spec = pod["spec"]
        for container in spec?["containers"]?.list ?? [] {
            let context = container["securityContext"]
            if context?["allowPrivilegeEscalation"]?.bool != false { return "allowPrivilegeEscalation != false" }
            if context?["capabilities"]?["drop"]?.list?.contains("ALL") != true { return "unrestricted capabilities" }
            if (context?["runAsNonRoot"] ?? spec?["securityContext"]?["runAsNonRoot"])?.bool != true {
                return "runAsNonRoot != true"
            }
            let profile = context?["seccompProfile"] ?? spec?["securityContext"]?["seccompProfile"]
            if profile?["type"]?.string != "RuntimeDefault" { return "seccompProfile" }
        }
        return nil
    }

    private func notFound(_ name: String, _ out: Writer) async throws {
        try await fail(404, "NotFound", "pods \"\(name)\" not found", out)
    }
}
