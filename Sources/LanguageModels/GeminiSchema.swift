/// JSON Schema as Gemini's function declarations take it: a part of OpenAPI 3.0's, where any other keyword is an error.
/// Source: https://ai.google.dev/api/caching#Schema
enum GeminiSchema {
    private static let keywords: Set<String> = [
        "type", "title", "description", "nullable", "enum", "items", "properties", "required", "propertyOrdering",
        "anyOf", "minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum", "pattern",
    ]

    /// What is left of a schema, saying the same where Gemini has other words for it; `nil` where that is nothing.
    static func prune(_ schema: JSONValue) -> JSONValue? {
        guard case .object(let members) = schema else { return nil }
        var pruned = members.filter { keywords.contains($0.key) }

        if case .array(let types)? = members["type"] {
            pruned["type"] = types.first { $0.string != "null" }
            if types.contains(where: { $0.string == "null" }) { pruned["nullable"] = true }
        }
        if let constant = members["const"] { pruned["enum"] = [constant] }
        // Gemini's enumerations are strings.
        if let values = pruned["enum"]?.array, !values.allSatisfy({ $0.string != nil }) { pruned["enum"] = nil }
        if let branches = (members["anyOf"] ?? members["oneOf"])?.array {
            pruned["anyOf"] = .array(branches.compactMap(prune))
        }
        if let items = members["items"] { pruned["items"] = prune(items) ?? ["type": "string"] }
        if let properties = members["properties"]?.object {
            let kept = properties.compactMapValues(prune)
            pruned["properties"] = kept.isEmpty ? nil : .object(kept)
            if let required = members["required"]?.array {
                let known = required.filter { $0.string.map { kept[$0] != nil } == true }
                pruned["required"] = known.isEmpty ? nil : .array(known)
            }
        }
        let isEmptyObject = pruned["type"] == "object" && pruned["properties"] == nil
        return pruned.isEmpty || isEmptyObject ? nil : .object(pruned)
    }
}
