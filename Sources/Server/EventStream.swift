import Hummingbird
import NIOCore
import ServiceLifecycle
import Workflow

/// A task's journal as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
///
/// An event's id is its sequence number, so a client that reconnects with `Last-Event-ID` misses nothing and gets nothing
/// twice. The stream ends after the task's last event.
struct EventStream {
    /// A comment is sent when nothing happened for this long, so that proxies keep the connection.
    private static let keepAlive: Duration = .seconds(15)
    private static let batch = 256

    let store: any RunStore
    let task: String

    func body(after start: Int64) -> ResponseBody {
        ResponseBody { [self] writer in
            var sequence = start
            while true {
                let entries = try await store.entries(of: task, after: sequence, limit: Self.batch)
                var buffer = ByteBuffer()
                for entry in entries {
                    sequence = entry.sequence
                    buffer.writeString("id: \(sequence)\nevent: \(entry.event.kind.rawValue)\ndata: \(entry.json)\n\n")
                }
                if buffer.readableBytes > 0 { try await writer.write(buffer) }
                if entries.last?.event.kind == .finished { break }
                if entries.isEmpty, try await store.summary(of: task)?.status.isFinal != false,
                    try await store.head(of: task) ?? 0 <= sequence
                {
                    break
                }
                switch try await wait(after: sequence) {
                case .entry: continue
                case .nothing: try await writer.write(ByteBuffer(string: ": still here\n\n"))
                case .shutdown: return try await writer.finish(nil)
                }
            }
            try await writer.finish(nil)
        }
    }

    private enum Wait {
        case entry, nothing, shutdown
    }

    /// Waits for the next entry, for as long as the client can go without a sign of life and the service goes on.
    private func wait(after sequence: Int64) async throws -> Wait {
        try await withThrowingTaskGroup(of: Wait.self) { group in
            group.addTask {
                try await store.waitForEntry(of: task, after: sequence)
                return .entry
            }
            group.addTask {
                try await Task.sleep(for: Self.keepAlive)
                return .nothing
            }
            group.addTask {
                try await gracefulShutdown()
                return .shutdown
            }
            defer { group.cancelAll() }
            return try await group.next() ?? .nothing
        }
    }
}
