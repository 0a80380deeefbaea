import AsyncHTTPClient
import Foundation
import NIOCore
import Workflow

/// The journal of a task of the service, as it is written, to the task's end.
///
/// When the connection is lost it is made anew with `Last-Event-ID`, so that nothing is missed and nothing comes twice.
struct TaskEvents: AsyncSequence, Sendable {
    let client: ServiceClient
    let id: String

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(client: client, id: id)
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        /// Attempts in a row that may fail, half a second to five apart.
        private static let mostFailures = 12

        let client: ServiceClient
        let id: String
        private var body: HTTPClientResponse.Body.AsyncIterator?
        private var lines = ServerSentEventLines()
        private var last: Int64 = 0
        private var failures = 0
        private var isFinished = false

        init(client: ServiceClient, id: String) {
            self.client = client
            self.id = id
        }

        mutating func next() async throws -> JournalEntry? {
            while !isFinished {
                if let data = lines.next() {
                    let entry = try JournalEntry(json: data)
                    last = entry.sequence
                    isFinished = entry.event.kind == .finished
                    return entry
                }
                do {
                    if body == nil { body = try await client.openEvents(id, after: last).makeAsyncIterator() }
                    if let chunk = try await body?.next() {
                        failures = 0
                        lines.append(chunk.readableBytesView)
                        continue
                    }
                } catch let error where error is ServiceError || error is CancellationError {
                    throw error
                } catch  where failures >= Self.mostFailures {
                    throw client.unreachable(error)
                } catch {}
                try await reconnectLater()
            }
            return nil
        }

        private mutating func reconnectLater() async throws {
            body = nil
            lines = ServerSentEventLines()
            failures += 1
            try await Task.sleep(for: .milliseconds(Swift.min(500 * failures, 5000)))
        }
    }
}
