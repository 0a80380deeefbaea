/// Lets so many tasks at a time through, in the order in which they came.
actor Turnstile {
    private var places: Int
    private var waiting: [(number: Int, turn: AsyncStream<Void>.Continuation)] = []
    private var count = 0

    init(places: Int = 1) {
        self.places = places
    }

    /// Does something in its turn.
    ///
    /// - Throws: What it throws, or `CancellationError` where the task was cancelled before its turn came.
    func take<Result: Sendable>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
    ) async throws -> Result {
        try await enter()
        do {
            let result = try await body()
            await leave()
            return result
        } catch {
            await leave()
            throw error
        }
    }

    /// Waits for the turn, which ``leave()`` ends.
    ///
    /// - Throws: `CancellationError` where the task was cancelled before its turn came; then there is nothing to leave.
    func enter() async throws {
        try Task.checkCancellation()
        guard places == 0 else {
            places -= 1
            return
        }
        count += 1
        let number = count
        let (turns, turn) = AsyncStream<Void>.makeStream()
        waiting.append((number, turn))
        // Yields once when the turn comes, and ends when the task is cancelled.
        for await _ in turns { return }
        if let index = waiting.firstIndex(where: { $0.number == number }) {
            waiting.remove(at: index)
        } else {
            leave()
        }
        throw CancellationError()
    }

    /// Ends the turn that ``enter()`` gave.
    func leave() {
        if waiting.isEmpty {
            places += 1
        } else {
            waiting.removeFirst().turn.yield()
        }
    }
}
