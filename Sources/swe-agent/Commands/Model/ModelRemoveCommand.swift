import ArgumentParser
import ModelHub

struct ModelRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Delete a model from this machine, with all its revisions.")

    @OptionGroup var model: ModelArgument

    func run() async throws {
        let id = try model.parsed()
        let cache = ModelCache(directory: HubSettings.cacheDirectory(try Settings.reader()))
        let size = try await programErrors { try cache.remove(id) }
        Terminal.output.print("Deleted \(id) (\(ByteCount(size)))")
    }
}
