/// Reads members of a `config.json`, each checked as it is read.
///
/// The file comes from outside: every size is bounded, so that no product of two of them overflows.
struct ConfigurationFile {
    let path: String
    private let members: [String: JSONNode]

    /// - Throws: ``CheckpointError``.
    init(path: String) throws(CheckpointError) {
        guard let members = try JSONFile.read(path: path).object else {
            throw CheckpointError("cannot use \(path): it is no JSON object")
        }
        self.init(path: path, members: members)
    }

    private init(path: String, members: [String: JSONNode]) {
        self.path = path
        self.members = members
    }

    /// A member that is there and not null.
    subscript(_ key: String) -> JSONNode? {
        guard let value = members[key], !value.isNull else { return nil }
        return value
    }

    func error(_ what: String) -> CheckpointError {
        CheckpointError("cannot use \(path): \(what)")
    }

    /// A whole number within bounds.
    func size(_ key: String, in bounds: ClosedRange<Int>, default fallback: Int? = nil) throws(CheckpointError) -> Int {
        guard let value = self[key] else {
            guard let fallback else { throw error("it has no \(key)") }
            return fallback
        }
        guard let number = value.integer, bounds.contains(number) else {
            throw error("\(key) must be a whole number from \(bounds.lowerBound) to \(bounds.upperBound)")
        }
        return number
    }

    /// A number within bounds.
    func number(
        _ key: String, in bounds: ClosedRange<Double>, default fallback: Double? = nil
    ) throws(CheckpointError) -> Double {
        let number: Double
        switch self[key] {
        case nil:
            guard let fallback else { throw error("it has no \(key)") }
            return fallback
        case .integer(let integer): number = Double(integer)
        case .double(let double): number = double
        default: number = .nan
        }
        guard bounds.contains(number) else {
            throw error("\(key) must be a number from \(bounds.lowerBound) to \(bounds.upperBound)")
        }
        return number
    }

    func flag(_ key: String, default fallback: Bool) throws(CheckpointError) -> Bool {
        guard let value = self[key] else { return fallback }
        guard let flag = value.bool else { throw error("\(key) must be true or false") }
        return flag
    }

    func string(_ key: String) throws(CheckpointError) -> String? {
        guard let value = self[key] else { return nil }
        guard let text = value.string else { throw error("\(key) must be a string") }
        return text
    }

    func object(_ key: String) throws(CheckpointError) -> ConfigurationFile? {
        guard let value = self[key] else { return nil }
        guard let members = value.object else { throw error("\(key) must be an object") }
        return ConfigurationFile(path: path, members: members)
    }

    /// Token ids: one, several or none.
    func tokens(_ key: String) throws(CheckpointError) -> Set<Int>? {
        switch self[key] {
        case nil: return nil
        case .integer(let token): return [token]
        case .array(let elements) where elements.count <= 1000 && elements.allSatisfy({ $0.integer != nil }):
            return Set(elements.compactMap(\.integer))
        default: throw error("\(key) must be a token id or several")
        }
    }
}
