/// Why the program cannot start as it is configured: one line that names the variable and says what to write.
struct SettingsError: Error, Hashable, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}
