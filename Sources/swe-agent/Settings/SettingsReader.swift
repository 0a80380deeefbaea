import Configuration

/// Reads variables by their precedence — flag, environment, `.env` file, default — and checks what they say.
struct SettingsReader {
    private let reader: ConfigReader
    private let flags: [Variable: String]

    /// - Parameters:
    ///   - flags: What the command line says, in the variables' own notation.
    ///   - environment: The environment of the process.
    ///   - file: The variables of the `.env` file.
    init(flags: [Variable: String], environment: [String: String], file: [String: String]) {
        self.flags = flags
        func provider(_ value: (Variable) -> String?) -> EnvironmentVariablesProvider {
            var values: [String: String] = [:]
            // An empty value counts as none, so that `GIT_TOKEN=` in a copied `.env.example` changes nothing.
            for variable in Variable.allCases {
                if let value = value(variable), !value.isEmpty { values[variable.rawValue] = value }
            }
            return EnvironmentVariablesProvider(
                environmentVariables: values,
                secretsSpecifier: .specific(Set(Variable.allCases.filter(\.isSecret).map(\.rawValue))))
        }
        reader = ConfigReader(providers: [
            provider { flags[$0] },
            provider { environment[$0.rawValue].map(DotEnvFile.value) },
            provider { file[$0.rawValue] },
        ])
    }

    /// The values of all variables that must never be shown, wherever they come from; of a list each element too.
    var secrets: [String] {
        Variable.allCases.filter(\.isSecret).flatMap { variable -> [String] in
            guard let text = string(variable) else { return [] }
            return [text] + text.split { $0 == "," || $0.isWhitespace }.map(String.init)
        }
    }

    func string(_ variable: Variable) -> String? {
        reader.string(forKey: ConfigKey([variable.rawValue]), isSecret: variable.isSecret)
    }

    func string(_ variable: Variable, default fallback: String) -> String {
        string(variable) ?? fallback
    }

    /// A whole number.
    ///
    /// - Throws: ``SettingsError``.
    func integer(_ variable: Variable, in range: ClosedRange<Int>) throws -> Int? {
        guard let text = string(variable) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            let bounds =
                range.upperBound == .max
                ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
            throw wrong(variable, "write a whole number \(bounds)")
        }
        return number
    }

    /// A limit of which 0 stands for none.
    ///
    /// - Throws: ``SettingsError``.
    func limit(_ variable: Variable, _ usual: Int?, least: Int) throws -> Int? {
        guard let number = try integer(variable, in: 0...1_073_741_824) else { return usual }
        if number == 0 { return nil }
        guard number >= least else { throw wrong(variable, "write at least \(least), or 0 for no limit") }
        return number
    }

    /// An amount greater than zero.
    ///
    /// - Throws: ``SettingsError``.
    func amount(_ variable: Variable) throws -> Double? {
        guard let text = string(variable) else { return nil }
        guard let number = Double(text), number.isFinite, number > 0 else {
            throw wrong(variable, "write a number greater than 0, such as 2.50")
        }
        return number
    }

    /// A number.
    ///
    /// - Throws: ``SettingsError``.
    func number(_ variable: Variable, in range: ClosedRange<Double>) throws -> Double? {
        guard let text = string(variable) else { return nil }
        guard let number = Double(text), range.contains(number) else {
            throw wrong(variable, "write a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// Names of variables that a sandbox may see.
    ///
    /// - Throws: ``SettingsError``.
    func variableNames(_ variable: Variable, default fallback: String) throws -> [String] {
        let names = string(variable, default: fallback).split { $0 == "," || $0.isWhitespace }.map(String.init)
        for name in names {
            guard name.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_]*/) != nil, name != "HOME" else {
                throw wrong(variable, "write names of variables with commas between them, not HOME")
            }
            guard Variable(rawValue: name)?.isSecret != true else {
                throw wrong(variable, "leave \(name) out: a sandbox never gets swe-agent's own keys")
            }
        }
        return names
    }

    /// - Throws: ``SettingsError``.
    func flag(_ variable: Variable, default fallback: Bool) throws -> Bool {
        switch string(variable)?.lowercased() {
        case nil: fallback
        case "on", "true", "yes", "1": true
        case "off", "false", "no", "0": false
        default: throw wrong(variable, "write on or off")
        }
    }

    /// One of the cases of an enumeration.
    ///
    /// - Throws: ``SettingsError``.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ variable: Variable, default fallback: Choice
    ) throws -> Choice {
        guard let text = string(variable) else { return fallback }
        guard let choice = Choice(rawValue: text.lowercased()) else {
            let names = Choice.allCases.map(\.rawValue)
            throw wrong(variable, "write \(names.dropLast().joined(separator: ", ")) or \(names.last ?? "")")
        }
        return choice
    }

    /// The base URL of an HTTP service, without a slash at its end.
    ///
    /// - Throws: ``SettingsError``.
    func httpURL(_ variable: Variable) throws -> String? {
        guard let text = string(variable) else { return nil }
        guard text.wholeMatch(of: /https?:\/\/[^\s\/@?#]+(\/[^\s@?#]*)?/) != nil else {
            throw wrong(variable, "write a URL such as http://127.0.0.1:8080/v1, without credentials")
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    /// The error for a value that cannot be. Says the value, unless it is a secret.
    func wrong(_ variable: Variable, _ advice: String) -> SettingsError {
        let source = flags[variable] == nil ? "" : " (from the command line)"
        let value = variable.isSecret ? "" : " is “\(printable(string(variable) ?? ""))”\(source)"
        return SettingsError("\(variable.rawValue)\(value.isEmpty ? " is not usable" : value): \(advice)")
    }

    private func printable(_ text: String) -> String {
        let line = String(text.prefix(80).map { $0.isNewline || $0.isWhitespace ? " " : $0 })
        return line.unicodeScalars.allSatisfy { !$0.properties.isDefaultIgnorableCodePoint && $0.value >= 32 }
            ? line : "…"
    }
}
