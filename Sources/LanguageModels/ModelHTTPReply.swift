import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat

/// A reply with a success status, to be read once.
struct ModelHTTPReply: Sendable {
    /// Whether the provider streams; some answer a request for a stream with plain JSON.
    let isEventStream: Bool
    let body: ModelHTTPBody

    /// The body as server-sent events.
    var events: ServerSentEvents { ServerSentEvents(base: body) }

    /// Reads the whole body as JSON.
    func decode<Value: Decodable>(_ type: Value.Type) async throws -> Value {
        try Self.decode(type, from: try await body.collect())
    }

    /// Decodes one JSON document of a reply.
    ///
    /// - Throws: ``ModelError/Kind/malformedReply``, naming the member at fault, never its value.
    static func decode<Value: Decodable>(_ type: Value.Type, from json: ByteBuffer) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: json)
        } catch let error as DecodingError {
            throw ModelError(.malformedReply, "sent JSON that is not what its API promises (\(error.place))")
        }
    }
}

/// The bytes of a reply as they arrive: each piece calms the watchdog, and too many are an error.
struct ModelHTTPBody: AsyncSequence, Sendable {
    let base: HTTPClientResponse.Body
    let watchdog: ReplyWatchdog
    let maxBytes: Int

    struct AsyncIterator: AsyncIteratorProtocol {
        var base: HTTPClientResponse.Body.AsyncIterator
        let watchdog: ReplyWatchdog
        let maxBytes: Int
        var bytes = 0

        mutating func next() async throws -> ByteBuffer? {
            guard let chunk = try await base.next() else { return nil }
            watchdog.touch()
            bytes += chunk.readableBytes
            guard bytes <= maxBytes else {
                throw ModelError(.malformedReply, "sent more than the \(maxBytes) bytes a reply may have")
            }
            return chunk
        }
    }

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(base: base.makeAsyncIterator(), watchdog: watchdog, maxBytes: maxBytes)
    }

    /// The whole body.
    func collect() async throws -> ByteBuffer {
        var whole = ByteBuffer()
        for try await chunk in self { whole.writeImmutableBuffer(chunk) }
        return whole
    }

    /// The start of the body, as far as it arrives: an error text is worth having even when it is cut.
    func collectStart(maxBytes: Int) async throws -> ByteBuffer {
        var start = ByteBuffer()
        do {
            for try await chunk in self {
                start.writeImmutableBuffer(chunk)
                if start.readableBytes >= maxBytes { break }
            }
        } catch {
            try Task.checkCancellation()
        }
        return start
    }
}

extension DecodingError {
    /// Which member is at fault, without its value.
    var place: String {
        let (what, path): (String, [any CodingKey]) =
            switch self {
            case .keyNotFound(let key, let context): ("is missing", context.codingPath + [key])
            case .valueNotFound(_, let context): ("is null", context.codingPath)
            case .typeMismatch(_, let context): ("has the wrong type", context.codingPath)
            case .dataCorrupted(let context): ("is malformed", context.codingPath)
            @unknown default: ("is wrong", [])
            }
        let name = path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
        return name.isEmpty ? "the document \(what)" : "\(name) \(what)"
    }
}
