import ArgumentParser
import TaskStore

struct DataCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data",
        abstract: "Check, save and move the task database.",
        subcommands: [DataCheckCommand.self, DataExportCommand.self, DataImportCommand.self])
}

/// Which data directory a command is about.
struct DataOptions: ParsableArguments {
    @Option(help: "The directory of the task database (SWE_AGENT_DATA, default ./data).")
    var data: String?

    @Flag(help: "Print the outcome as one JSON object.")
    var json = false

    /// - Throws: ``SettingsError``.
    func directory() throws -> String {
        try data ?? Settings.reader().string(.data, default: "./data")
    }
}

/// Runs what works on a data directory.
///
/// - Throws: ``ProgramError`` in place of the store's own.
func withStoreErrors<Result>(_ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as TaskStoreError {
        throw ProgramError("\(error)")
    }
}
