internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// The download of one file in parts, several at once.
struct FileDownload: Sendable {
    let client: HubClient
    let id: ModelID
    let commit: String
    let file: RemoteFile
    let partial: PartialFile
    /// Told how many bytes were written.
    let onBytes: @Sendable (Int) -> Void

    private static let parallelParts = 4
    /// What is listed as there grows by so many bytes.
    private static let step = 1 << 20

    /// The server gives whole files only.
    private struct RangesUnknown: Error {}

    /// Fetches what is missing.
    ///
    /// - Throws: ``ModelHubError`` or `CancellationError`.
    func run() async throws {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                var parts = partial.missing.makeIterator()
                for _ in 0..<Self.parallelParts {
                    guard let part = parts.next() else { break }
                    group.addTask { try await fetch(part) }
                }
                while try await group.next() != nil {
                    if let part = parts.next() { group.addTask { try await fetch(part) } }
                }
            }
        } catch is RangesUnknown {
            // From the beginning, each time: there is no other way.
            try await client.retrying { try await receive(0..<file.size, isWhole: true) { _ in } }
        }
    }

    /// Fetches a part; a connection that is cut goes on where it was.
    private func fetch(_ part: Range<Int>) async throws {
        let position = Atomic(part.lowerBound)
        try await client.retrying(progress: { position.load(ordering: .relaxed) }) {
            let rest = position.load(ordering: .relaxed)..<part.upperBound
            try await receive(rest, isWhole: rest == 0..<file.size) { place in
                let before = position.exchange(place, ordering: .relaxed)
                if before / Self.step != place / Self.step || place == part.upperBound { try partial.reach(place) }
            }
        }
    }

    /// Sends one request for a range and writes what comes.
    private func receive(_ range: Range<Int>, isWhole: Bool, onPosition: (Int) throws -> Void) async throws {
        let subject = "\(file.name) of \(id)"
        let headers = isWhole ? [] : [("range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")]
        let response = try await client.send(
            .GET, HubClient.path(file.name, of: id, commit), headers: headers, about: subject)
        if !isWhole {
            guard response.status == .partialContent else { throw RangesUnknown() }
            let expected = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(file.size)"
            guard response.headers.first(name: "content-range") == expected else {
                throw ModelHubError("the hub sent another part of \(subject) than was asked for; pull it again")
            }
        }
        var position = range.lowerBound
        do {
            for try await bytes in response.body {
                try Task.checkCancellation()
                guard bytes.readableBytes <= range.upperBound - position else {
                    throw ModelHubError("the hub sent more of \(subject) than there is; pull it again")
                }
                try partial.write(bytes, at: position)
                position += bytes.readableBytes
                try onPosition(position)
                onBytes(bytes.readableBytes)
            }
        } catch {
            throw try HubClient.transport(error, host: "the host of \(subject)")
        }
        guard position == range.upperBound else {
            throw TransientFailure(ModelHubError("\(subject) came short; run it again to go on"))
        }
    }
}
