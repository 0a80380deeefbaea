/// A piece of a Kubernetes object as JSON has it: what is sent, and what is handed through without being understood.
///
/// Numbers without fraction stay integers, so that they come back as they went in.
public enum ManifestValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case list([ManifestValue])
    case object([String: ManifestValue])
}

extension ManifestValue: Codable {
    public init(from decoder: any Decoder) throws {
        // YAML's scalars decode as more than one kind: `8` is text as well, so the narrow kinds come first.
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode([String: ManifestValue].self) {
            self = .object(value)
        } else if let value = try? container.decode([ManifestValue].self) {
            self = .list(value)
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else {
            self = .string(try container.decode(String.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .list(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

extension ManifestValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(arrayLiteral elements: ManifestValue...) { self = .list(elements) }
    public init(dictionaryLiteral elements: (String, ManifestValue)...) {
        self = .object(Dictionary(elements) { $1 })
    }
    public init(nilLiteral: ()) { self = .null }
}

extension ManifestValue {
    /// A member of an object; setting one makes an object of what is none, and setting `nil` removes it.
    public subscript(_ key: String) -> ManifestValue? {
        get { if case .object(let members) = self { members[key] } else { nil } }
        set {
            var members = object ?? [:]
            members[key] = newValue
            self = .object(members)
        }
    }

    public var string: String? { if case .string(let value) = self { value } else { nil } }
    public var integer: Int? { if case .integer(let value) = self { Int(exactly: value) } else { nil } }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var list: [ManifestValue]? { if case .list(let value) = self { value } else { nil } }
    public var object: [String: ManifestValue]? { if case .object(let value) = self { value } else { nil } }

    /// This value with another laid over it, as `kubectl` merges a patch into an object: objects member by member, lists of
    /// named things (containers, volumes, variables) name by name, and anything else replaced. `null` removes a member.
    public func merged(with other: ManifestValue) -> ManifestValue {
        switch (self, other) {
        case (.object(let base), .object(let over)):
            var result = base
            for (key, value) in over {
                result[key] = value == .null ? nil : result[key].map { $0.merged(with: value) } ?? value
            }
            return .object(result)
        case (.list(let base), .list(let over)):
            guard let key = Self.mergeKey(of: base + over) else { return other }
            var result = base
            for item in over {
                if let index = result.firstIndex(where: { $0[key] == item[key] }) {
                    result[index] = result[index].merged(with: item)
                } else {
                    result.append(item)
                }
            }
            return .list(result)
        default: return other
        }
    }

    private static func mergeKey(of items: [ManifestValue]) -> String? {
        ["mountPath", "name"].first { key in items.allSatisfy { $0[key]?.string != nil } }
    }
}
