import Agents
import Foundation
import HTTPTypes

/// A body that may have known members only, so that a misspelt option is told and not ignored.
struct Known<Value: Decodable>: Decodable {
    let value: Value

    private struct Name: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        value = try Value(from: decoder)
        guard let known = (Value.self as? any KnownMembers.Type)?.memberNames else { return }
        for key in try decoder.container(keyedBy: Name.self).allKeys where !known.contains(key.stringValue) {
            throw APIError(
                .badRequest, "unknown_field",
                "there is no field “\(key.stringValue.prefix(80))”; there are \(known.sorted().joined(separator: ", "))"
            )
        }
    }
}

extension APIError {
    /// What is wrong with a body, for the one who wrote it.
    init(decoding error: DecodingError) {
        func field(_ context: DecodingError.Context) -> String {
            context.codingPath.map(\.stringValue).joined(separator: ".")
        }
        switch error {
        case .keyNotFound(let key, _):
            self.init(.badRequest, "missing_field", "the field “\(key.stringValue)” is missing")
        case .typeMismatch(let type, let context) where !context.codingPath.isEmpty:
            self.init(.badRequest, "wrong_type", "the field “\(field(context))” must be \(Self.name(of: type))")
        case .valueNotFound(let type, let context) where !context.codingPath.isEmpty:
            self.init(
                .badRequest, "wrong_type", "the field “\(field(context))” must be \(Self.name(of: type)), not null")
        case .dataCorrupted(let context) where !context.codingPath.isEmpty:
            self.init(.badRequest, "wrong_type", "the field “\(field(context))” has a value that cannot be used")
        case .typeMismatch, .valueNotFound:
            self.init(.badRequest, "wrong_type", "the body must be a JSON object")
        default:
            self.init(.badRequest, "malformed_json", "the body is not valid JSON in UTF-8")
        }
    }

    private static func name(of type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is Int.Type, is Int64.Type: "a whole number"
        case is Double.Type: "a number"
        case is any Sequence.Type: "a list"
        default: "of another type"
        }
    }
}
