import ArgumentParser

struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "Keep models on this machine: pull, list, rm.",
        subcommands: [ModelPullCommand.self, ModelListCommand.self, ModelRemoveCommand.self])
}
