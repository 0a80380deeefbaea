public import Foundation

/// A model that gives recorded replies, so that everything but the model is real.
///
/// It reads JSON lines. A line that records a reply is an object `{"conversation": "programmer", "reply": {…}}`, either
/// by itself or as the member `outcome`, or `payload.outcome`, of a journal's line; other lines are passed over.
///
///     {"conversation": "planner", "reply": {"tool_calls": [{"id": "1", "name": "bash", "arguments": {"command": "ls"}}]}}
///
/// It keeps no state: the answer to a request is the recorded reply of its conversation whose number is that of the
/// assistant turns in the request, so a task can be resumed, or run many times at once.
public struct ReplayModel: LanguageModel {
    public let name: String
    public let capabilities = ModelCapabilities()

    private let replies: [String: [ModelReply]]

    /// - Parameter file: The recording.
    /// - Throws: ``ReplayFileError``: the file cannot be read, or a line is no JSON or records a malformed reply.
    public init(file: URL) throws {
        let data: Data
        do {
            data = try Data(contentsOf: file)
        } catch {
            throw ReplayFileError(message: "cannot read the recording \(file.path()): \(error.localizedDescription)")
        }
        var replies: [String: [ModelReply]] = [:]
        for (index, line) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
        where !line.allSatisfy(\.isBlank) {
            do {
                guard let record = try JSONDecoder().decode(RecordLine.self, from: line).record else { continue }
                replies[record.conversation, default: []].append(record.reply)
            } catch {
                let place = (error as? DecodingError)?.place ?? "the document is malformed"
                throw ReplayFileError(message: "line \(index + 1) of the recording \(file.path()): \(place)")
            }
        }
        if replies.isEmpty {
            throw ReplayFileError(message: "the recording \(file.path()) holds no reply of a model")
        }
        self.replies = replies
        self.name = "replay/\(file.lastPathComponent)"
    }

    public func reply(
        to request: ModelRequest,
        onDelta: @escaping @Sendable (ModelDelta) -> Void
    ) async throws -> ModelReply {
        let recorded = replies[request.conversation] ?? []
        let turns = request.messages.count { if case .assistant = $0 { true } else { false } }
        guard turns < recorded.count else {
            throw ModelError(
                .replayExhausted,
                """
                \(name) holds \(recorded.count) replies of the conversation “\(request.conversation)”, \
                and reply \(turns + 1) was asked for
                """)
        }
        let reply = recorded[turns]
        if !reply.turn.text.isEmpty { onDelta(.text(reply.turn.text)) }
        for call in reply.turn.toolCalls { onDelta(.toolCall(name: call.name)) }
        return reply
    }
}

/// Why a recording cannot be replayed, in one line.
public struct ReplayFileError: Error, CustomStringConvertible {
    public let message: String
    public var description: String { message }
}

/// A line of a recording: a record, something that holds one, or something else.
private struct RecordLine: Decodable {
    struct Record: Decodable {
        var conversation: String
        var reply: ModelReply
    }

    let record: Record?

    private enum CodingKeys: String, CodingKey { case conversation, reply, outcome, payload }

    init(from decoder: any Decoder) throws {
        record = try Self.record(in: decoder.container(keyedBy: CodingKeys.self))
    }

    private static func record(in container: KeyedDecodingContainer<CodingKeys>) throws -> Record? {
        if container.contains(.conversation), container.contains(.reply) {
            return Record(
                conversation: try container.decode(String.self, forKey: .conversation),
                reply: try container.decode(ModelReply.self, forKey: .reply))
        }
        for member in [CodingKeys.outcome, .payload] {
            if let inner = try? container.nestedContainer(keyedBy: CodingKeys.self, forKey: member),
                let record = try record(in: inner)
            {
                return record
            }
        }
        return nil
    }
}

extension UInt8 {
    fileprivate var isBlank: Bool { [0x20, 0x09, 0x0D].contains(self) }
}
