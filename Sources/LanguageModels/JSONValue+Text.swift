import Foundation

extension JSONValue {
    /// Parses JSON text.
    ///
    /// - Throws: `DecodingError` where the text is not JSON.
    public init(json text: String) throws {
        self = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
    }

    /// The value as JSON on one line, members sorted: equal values give equal text, which providers' prompt caches need.
    public var json: String {
        // Only a number that JSON cannot say (NaN, infinity) fails to encode.
        guard let data = try? JSONEncoder.stable.encode(self) else { return "null" }
        return String(decoding: data, as: UTF8.self)
    }
}

extension JSONEncoder {
    /// Encodes equal values to equal bytes. Providers cache by prompt prefix, and Swift's dictionaries have no order.
    static var stable: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }
}
