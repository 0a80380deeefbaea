import Synchronization

/// A continuation on its way: pieces of text as they are decided, and at the end of each sample what became of it.
///
/// Whoever stops reading, or is cancelled, stops the generation before its next token.
public struct Generation: AsyncSequence, Sendable {
    public enum Element: Sendable, Hashable {
        /// More of a sample's text: never half a character, and never the beginning of a stop string.
        case text(String, sample: Int)
        /// A sample has ended.
        case end(Completion)
    }

    let stream: AsyncStream<Element>

    public struct AsyncIterator: AsyncIteratorProtocol {
        var base: AsyncStream<Element>.AsyncIterator

        /// - Throws: `CancellationError`.
        public mutating func next() async throws(CancellationError) -> Element? {
            let element = await base.next(isolation: #isolation)
            if element == nil, Task.isCancelled { throw CancellationError() }
            return element
        }
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(base: stream.makeAsyncIterator())
    }

    /// Waits for the end of all samples.
    ///
    /// - Returns: The samples in their order.
    /// - Throws: `CancellationError`.
    public func completions() async throws -> [Completion] {
        var completions: [Completion] = []
        for try await element in self {
            if case .end(let completion) = element { completions.append(completion) }
        }
        return completions.sorted { $0.sample < $1.sample }
    }
}

/// One finished continuation.
public struct Completion: Sendable, Hashable {
    public enum Ending: String, Sendable, Hashable {
        /// The model said so, with an end-of-text token.
        case endOfText = "end_of_text"
        case stopString = "stop"
        /// As many tokens as were allowed, or as the context holds.
        case length
    }

    /// Counted from 0.
    public var sample: Int
    public var text: String
    /// The tokens of the continuation, an end-of-text token left out.
    public var tokens: [Int]
    public var ending: Ending
    public var timings: Timings

    /// Where the time of a continuation went.
    public struct Timings: Sendable, Hashable {
        public var promptTokens: Int
        /// Those of them that had been read before, in another request or for another sample.
        public var reusedTokens: Int
        /// From the request to the first token.
        public var prefill: Duration
        /// From the first token to the last.
        public var decode: Duration
        /// Passes over the weights after the first token: one for each further token, or fewer with prompt lookup.
        public var passes: Int
    }
}

/// Whether anybody still wants a continuation.
final class Interest: Sendable {
    private let isLost = Atomic(false)

    func lose() { isLost.store(true, ordering: .relaxed) }
    var exists: Bool { !isLost.load(ordering: .relaxed) }
}
