/// A kind of object, as the paths of the API name it.
public struct KubernetesResource: Sendable, Hashable {
    /// Empty for the core group.
    public var group: String
    public var version: String
    public var plural: String
    /// Whether its objects belong to a namespace.
    public var isNamespaced: Bool

    public init(group: String = "", version: String = "v1", plural: String, isNamespaced: Bool = true) {
        self.group = group
        self.version = version
        self.plural = plural
        self.isNamespaced = isNamespaced
    }

    public static let pods = KubernetesResource(plural: "pods")
    public static let events = KubernetesResource(plural: "events")
    public static let accessReviews = KubernetesResource(
        group: "authorization.k8s.io", plural: "selfsubjectaccessreviews", isNamespaced: false)

    func path(namespace: String) -> String {
        let root = group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"
        return isNamespaced ? "\(root)/namespaces/\(namespace)/\(plural)" : "\(root)/\(plural)"
    }
}

/// The part of every object that a client needs (`meta/v1 ObjectMeta`).
public struct ObjectMetadata: Sendable, Hashable, Decodable {
    public var name: String
    public var namespace: String?
    public var uid: String?
    public var resourceVersion: String?
    public var labels: [String: String]?
    public var annotations: [String: String]?
    /// Set while an object is on its way out.
    public var deletionTimestamp: String?
}

/// An object that a client reads.
public protocol KubernetesObject: Sendable, Decodable {
    var metadata: ObjectMetadata { get }
}

/// An object read with all its members, whatever its kind.
public struct AnyKubernetesObject: KubernetesObject {
    public var metadata: ObjectMetadata
    /// Everything, `metadata` included.
    public var value: ManifestValue

    public init(from decoder: any Decoder) throws {
        value = try ManifestValue(from: decoder)
        metadata = try decoder.container(keyedBy: CodingKeys.self).decode(ObjectMetadata.self, forKey: .metadata)
    }

    private enum CodingKeys: String, CodingKey { case metadata }
}

/// Objects as a list answers them.
public struct KubernetesList<Item: KubernetesObject>: Sendable, Decodable {
    public var items: [Item]
    /// The version to watch from.
    public var resourceVersion: String

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        items = try container.decodeIfPresent([Item].self, forKey: .items) ?? []
        resourceVersion = try container.decode(ListMetadata.self, forKey: .metadata).resourceVersion ?? ""
    }

    private struct ListMetadata: Decodable { var resourceVersion: String? }
    private enum CodingKeys: String, CodingKey { case items, metadata }
}
