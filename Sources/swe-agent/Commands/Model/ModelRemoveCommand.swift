import ArgumentParser
import Foundation
import LanguageModels
import LocalInference
import ModelHub

struct ModelRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Delete a model from this machine, with all its revisions.")

    @OptionGroup var model: ModelArgument

    func run() async throws {
        let id = try model.parsed()
        let settings = try LocalModels.Settings(try Settings.reader())
        let folders = settings.hub.entries().first { $0.id == id }.map { Self.snapshots(in: $0.path) } ?? []
        let size = try await programErrors { try settings.hub.remove(id) }
        // What was packed from the model's files is of no use without them.
        for folder in folders { settings.loading.cache.remove(modelAt: folder) }
        Terminal.output.print("Deleted \(id) (\(ByteCount(size)))")
    }

    private static func snapshots(in path: String) -> [URL] {
        let folder = path + "/snapshots"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.map { URL(filePath: folder + "/" + $0, directoryHint: .isDirectory) }
    }
}
