import LanguageModels
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5)))
struct RetryingModelTests {
    /// A model that fails as told, then answers. A mutex, as models are asked from anywhere.
    private final class FailingModel: LanguageModel {
        let name = "failing"
        let capabilities = ModelCapabilities()
        private let failures: Mutex<[any Error]>

        init(_ failures: [any Error]) { self.failures = Mutex(failures) }

        func reply(
            to request: ModelRequest, onDelta: @escaping @Sendable (ModelDelta) -> Void
        ) async throws -> ModelReply {
            onDelta(.text("…"))
            if let failure = failures.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { throw failure }
            return ModelReply(turn: AssistantTurn(text: "Done."), finish: .stop, usage: TokenUsage(), model: "m")
        }
    }

    /// What a run did: how long it would have waited, and what it said.
    private final class Record: Sendable {
        let pauses = Mutex<[Duration]>([])
        let lines = Mutex<[String]>([])
    }

    private func run(
        _ failures: [any Error], _ policy: RetryPolicy = RetryPolicy()
    ) async -> (Result<ModelReply, any Error>, [Duration], [String]) {
        let record = Record()
        let model = RetryingModel(
            FailingModel(failures), policy: policy,
            sleep: { pause in record.pauses.withLock { $0.append(pause) } },
            jitter: { 1 },
            onRetry: { line in record.lines.withLock { $0.append(line) } })
        let result: Result<ModelReply, any Error>
        do { result = .success(try await model.reply(to: .question)) } catch { result = .failure(error) }
        return (result, record.pauses.withLock { $0 }, record.lines.withLock { $0 })
    }

    private let busy = ModelError(.unavailable, "host answered 503", status: 503)

    @Test func waitsLongerEachTime() async throws {
        let policy = RetryPolicy(maxAttempts: 6, baseDelay: .seconds(1), maxDelay: .seconds(5))
        let (result, pauses, lines) = await run(Array(repeating: busy, count: 5), policy)
        #expect(try result.get().turn.text == "Done.")
        #expect(pauses == [.seconds(1), .seconds(2), .seconds(4), .seconds(5), .seconds(5)])
        #expect(lines.first == "host answered 503 (try 1 of 6; next in 1.0 s)")
        #expect(lines.count == 5)
    }

    @Test func theLastErrorIsTheResult() async throws {
        let last = ModelError(.rateLimited, "the last")
        let (result, pauses, _) = await run([busy, busy, last, busy], RetryPolicy(maxAttempts: 3))
        #expect(throws: last) { try result.get() }
        #expect(pauses.count == 2)
    }

    @Test(arguments: [
        ModelError.Kind.authentication, .quota, .invalidRequest, .contextLength, .replayExhausted,
    ])
    func finalErrorsAreNotRetried(_ kind: ModelError.Kind) async throws {
        let (result, pauses, _) = await run([ModelError(kind, "no")])
        #expect(throws: ModelError(kind, "no")) { try result.get() }
        #expect(pauses.isEmpty)
    }

    @Test(arguments: [ModelError.Kind.rateLimited, .unavailable, .timeout, .malformedReply])
    func transientErrorsAre(_ kind: ModelError.Kind) async throws {
        let (result, _, _) = await run([ModelError(kind, "no")])
        #expect(try result.get().turn.text == "Done.")
    }

    @Test func cancellationIsNotRetried() async throws {
        let (result, pauses, _) = await run([CancellationError()])
        #expect(throws: CancellationError.self) { try result.get() }
        #expect(pauses.isEmpty)
    }

    @Test func doesWhatTheProviderAsksWithinLimits() async throws {
        let waits = [2.5, 3600].map { ModelError(.rateLimited, "slow", retryAfter: $0) }
        let (_, pauses, _) = await run(waits, RetryPolicy(maxRetryAfter: .seconds(60)))
        #expect(pauses == [.seconds(2.5), .seconds(60)])
    }

    @Test func doesNotWaitForeverInAll() async throws {
        let wait = ModelError(.rateLimited, "slow", retryAfter: 40)
        let (result, pauses, _) = await run(
            Array(repeating: wait, count: 9), RetryPolicy(maxAttempts: 10, maxTotalDelay: .seconds(100)))
        #expect(throws: wait) { try result.get() }
        #expect(pauses == [.seconds(40), .seconds(40)])
    }

    @Test func jitterIsFull() async throws {
        let record = Record()
        let model = RetryingModel(
            FailingModel([busy, busy]), policy: RetryPolicy(baseDelay: .seconds(8)),
            sleep: { pause in record.pauses.withLock { $0.append(pause) } }, jitter: { 0.25 })
        _ = try await model.reply(to: .question)
        #expect(record.pauses.withLock { $0 } == [.seconds(2), .seconds(4)])
    }

    /// The whole stack over the wire: a provider that is busy once, then cuts its answer, then answers.
    @Test(arguments: Wire.allCases)
    func getsThroughToAProviderInTrouble(_ wire: Wire) async throws {
        let tries = Mutex(0)
        try await withScriptedProvider { _ in
            switch tries.withLock({
                $0 += 1
                return $0
            }) {
            case 1: .status(429, headers: ["retry-after-ms": "1"])
            case 2: .cut(afterBytes: 400)
            default: .turn(text: "At last.")
            }
        } body: { provider in
            let model = try wire.model(of: provider) { $0.retryPolicy = RetryPolicy(baseDelay: .milliseconds(1)) }
            #expect(try await model.reply(to: .question).turn.text == "At last.")
            #expect(await provider.requests.count == 3)
        }
    }
}
