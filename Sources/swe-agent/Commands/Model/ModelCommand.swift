import ArgumentParser

struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "Keep models on this machine and run them inside this process: pull, list, rm, generate, bench.",
        subcommands: [
            ModelPullCommand.self, ModelListCommand.self, ModelRemoveCommand.self, ModelGenerateCommand.self,
            ModelBenchCommand.self,
        ])
}
