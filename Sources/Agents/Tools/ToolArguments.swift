public import LanguageModels

/// The arguments of one tool call, read by type.
///
/// Lenient where the meaning is plain (`"12"` for 12, `"true"` for true, `null` for absent, unknown names), and
/// otherwise clear about which parameter of which tool is wrong.
public struct ToolArguments: Sendable, Hashable {
    private let tool: String
    private let values: [String: JSONValue]

    public init(tool: String, _ values: [String: JSONValue]) {
        self.tool = tool
        self.values = values
    }

    /// A text that must be there.
    public func string(_ name: String) throws(ToolArgumentError) -> String {
        guard let text = try optionalString(name) else { throw wrong(name, "a string is required, but it is missing") }
        return text
    }

    /// A text that may be missing.
    public func optionalString(_ name: String) throws(ToolArgumentError) -> String? {
        switch values[name] {
        case nil, .null: nil
        case .string(let text): text
        case .integer(let number): String(number)
        case .number(let number): String(number)
        case .bool(let flag): String(flag)
        case .array, .object: throw wrong(name, "a string is expected")
        }
    }

    /// A whole number that may be missing.
    public func optionalInteger(_ name: String) throws(ToolArgumentError) -> Int? {
        switch values[name] {
        case nil, .null: return nil
        case .string(let text):
            if text.isEmpty { return nil }
            if let number = Int(text.filter { !$0.isWhitespace }) { return number }
        case let value?:
            if let number = value.integer { return number }
        }
        throw wrong(name, "a whole number is expected")
    }

    /// A flag that is off where it is missing.
    public func flag(_ name: String) throws(ToolArgumentError) -> Bool {
        switch values[name] {
        case nil, .null: false
        case .bool(let flag): flag
        case .string("true"), .string("True"), .integer(1): true
        case .string("false"), .string("False"), .string(""), .integer(0): false
        default: throw wrong(name, "true or false is expected")
        }
    }

    private func wrong(_ name: String, _ expectation: String) -> ToolArgumentError {
        ToolArgumentError(message: "\(tool): parameter \"\(name)\": \(expectation).")
    }
}

/// An argument that a tool cannot use, told so that the model can do better.
public struct ToolArgumentError: Error, Sendable, Hashable, CustomStringConvertible {
    public var message: String

    public var description: String { message }
}
