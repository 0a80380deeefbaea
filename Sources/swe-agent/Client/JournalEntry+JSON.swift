import Foundation
import LanguageModels
import Workflow

extension JournalEntry {
    /// Reads an entry as the service writes it.
    ///
    /// - Throws: `DecodingError`.
    init(json: Data) throws {
        let line = try JSONDecoder().decode(Line.self, from: json)
        self.init(
            sequence: line.seq,
            time: try Date(line.time, strategy: Self.timestamps),
            event: RunEvent(
                line.type, key: line.key, name: line.name, detail: line.detail,
                payload: try line.payload.map { try JSONText($0) }))
    }

    private struct Line: Decodable {
        var seq: Int64
        var time: String
        var type: RunEvent.Kind
        var key: String?
        var name: String?
        var detail: String?
        var payload: JSONValue?
    }
}
