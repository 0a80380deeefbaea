import ArgumentParser
import ModelHub
import Workflow

struct ModelListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the models on this machine.")

    @Flag(help: "Print one JSON object for each model.")
    var json = false

    func run() async throws {
        for entry in ModelCache(directory: HubSettings.cacheDirectory(try Settings.reader())).entries() {
            guard !json else {
                Terminal.output.write(try JSONText(Report(entry)).text + "\n")
                continue
            }
            let size = "\(ByteCount(entry.size))"
            let column = String(repeating: " ", count: max(0, 8 - size.count)) + size
            let state = entry.isComplete ? "" : "  (incomplete; model pull completes it)"
            let revisions = entry.revisions.map { $0.printable(limit: 40) }.joined(separator: ", ")
            Terminal.output.print("\(column)  \(entry.id)  \(revisions)\(state)")
        }
    }

    /// What `--json` prints.
    private struct Report: Encodable {
        var id: String
        var size: Int
        var revisions: [String]
        var isComplete: Bool
        var path: String

        init(_ entry: ModelCache.Entry) {
            id = "\(entry.id)"
            size = entry.size
            revisions = entry.revisions
            isComplete = entry.isComplete
            path = entry.path
        }

        enum CodingKeys: String, CodingKey {
            case id, revisions, path
            case size = "size_bytes"
            case isComplete = "complete"
        }
    }
}
