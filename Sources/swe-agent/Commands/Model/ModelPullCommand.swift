import ArgumentParser
import ModelHub
import Workflow

struct ModelPullCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Fetch a model from the hub.",
        discussion: """
            Only what is needed to run it is fetched, into the cache that Python's tools use, too (HF_HOME); what is \
            there is used. A pull that was cut off goes on when it is run again. Progress goes to standard error, the \
            folder of the model's files to standard output.
            """)

    @OptionGroup var model: ModelArgument

    @Option(help: ArgumentHelp("A branch, a tag or a commit.", valueName: "name"))
    var revision = "main"

    @Flag(help: "Print nothing but the result, as one JSON object.")
    var json = false

    func run() async throws {
        let id = try model.parsed()
        let revision = try settingsErrors { try ModelRevision(self.revision) }
        let settings = try HubSettings(Settings.reader())
        let display = PullDisplay(of: id, on: json ? nil : .error)
        let pulled = try await programErrors {
            try await withSignals {
                Terminal.error.print("\nStopped; run it again to go on")
                throw ExitCode.interrupted
            } _: {
                try await display.following { onEvent in
                    try await ModelHub.withHub(settings) { hub in
                        try await hub.pull(id, revision: revision, onEvent: onEvent)
                    }
                }
            }
        }
        if json {
            Terminal.output.write(try JSONText(Report(pulled)).text + "\n")
        } else {
            Terminal.output.print(pulled.path)
        }
    }

    /// What `--json` prints.
    private struct Report: Encodable {
        var id: String
        var commit: String
        var path: String
        var receivedBytes: Int

        init(_ pulled: ModelHub.Pulled) {
            id = "\(pulled.id)"
            commit = pulled.commit
            path = pulled.path
            receivedBytes = pulled.received
        }

        enum CodingKeys: String, CodingKey {
            case id, commit, path
            case receivedBytes = "received_bytes"
        }
    }
}

/// The model that a command is about.
struct ModelArgument: ParsableArguments {
    @Argument(help: "The id of a model of the hub, such as Salesforce/codegen-350M-mono.")
    var id: String

    func parsed() throws -> ModelID {
        try settingsErrors { try ModelID(id) }
    }
}

/// Turns what is wrong with an argument into an error of wrong use.
private func settingsErrors<Result>(_ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as ModelHubError {
        throw SettingsError("\(error)")
    }
}

/// Turns what goes wrong with the hub or the cache into an error of the program.
func programErrors<Result>(_ body: () async throws -> Result) async throws -> Result {
    do {
        return try await body()
    } catch let error as ModelHubError {
        throw ProgramError("\(error)")
    }
}
