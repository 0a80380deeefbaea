/// Something that one may or may not do to objects of a namespace.
public struct ClusterPermission: Sendable, Hashable, CustomStringConvertible {
    public var verb: String
    public var resource: KubernetesResource
    /// A part of the object with rights of its own, such as `exec`.
    public var subresource: String?

    public init(_ verb: String, _ resource: KubernetesResource, subresource: String? = nil) {
        self.verb = verb
        self.resource = resource
        self.subresource = subresource
    }

    /// As a role names it: `create pods/exec`.
    public var description: String {
        let group = resource.group.isEmpty ? "" : ".\(resource.group)"
        return "\(verb) \(resource.plural)\(group)\(subresource.map { "/\($0)" } ?? "")"
    }
}

extension Collection<ClusterPermission> {
    /// Several verbs for one resource.
    public static func verbs(
        _ verbs: [String], _ resource: KubernetesResource, subresource: String? = nil
    ) -> [ClusterPermission] {
        verbs.map { ClusterPermission($0, resource, subresource: subresource) }
    }
}
