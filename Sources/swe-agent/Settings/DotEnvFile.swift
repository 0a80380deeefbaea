import Foundation

/// The variables of a `.env` file.
///
/// swift-configuration reads such files too, but takes everything after `=` for the value. The lines that people write
/// also have comments after the value, quotes, `export` in front and, from Windows, CR LF at the end; so they are read here
/// and handed to its provider as a dictionary.
enum DotEnvFile {
    /// Reads a file; one that does not exist holds nothing, nor does a folder of that name (a Python environment).
    ///
    /// - Throws: ``SettingsError`` where the file cannot be read.
    static func variables(atPath path: String) throws -> [String: String] {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue else {
            return [:]
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SettingsError("cannot read \(path); make it readable for you, or remove it")
        }
        return parse(String(decoding: data, as: UTF8.self))
    }

    /// Reads `NAME=value` lines. Lines without a name and `=` are left out; of two with one name the last counts.
    static func parse(_ text: String) -> [String: String] {
        var variables: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = parts[0].split(whereSeparator: \.isWhitespace).last,
                !parts[0].contains("#")
            else { continue }
            variables[String(name)] = value(parts[1])
        }
        return variables
    }

    /// The value that a text after `=` stands for: what is between quotes, or what is before a ` #` comment.
    ///
    /// The environment is read by the same rule, as `docker run --env-file` passes the rest of each line on as it is.
    static func value(_ text: some StringProtocol) -> String {
        let text = text.trimmingCharacters(in: .whitespaces)
        if let quote = text.first, quote == "\"" || quote == "'",
            let end = text.dropFirst().firstIndex(of: quote)
        {
            let rest = text[text.index(after: end)...].drop(while: \.isWhitespace)
            if rest.isEmpty || rest.hasPrefix("#") { return String(text[..<end].dropFirst()) }
        }
        if text.hasPrefix("#") { return "" }
        let comment = text.firstRange(of: /\s#/)?.lowerBound ?? text.endIndex
        return text[..<comment].trimmingCharacters(in: .whitespaces)
    }
}
