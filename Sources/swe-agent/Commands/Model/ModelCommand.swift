import ArgumentParser

struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "Run models inside this process: generate, bench.",
        subcommands: [ModelGenerateCommand.self, ModelBenchCommand.self])
}
