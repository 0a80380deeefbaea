import LanguageModels
import Synchronization
import TestSupport
import Testing

/// A thousand calls of providers in trouble, in an order that chance gave.
@Suite(.timeLimit(.minutes(20)))
struct ModelFaultTests {
    private static let policy = RetryPolicy(
        maxAttempts: 4, maxRetryAfter: .seconds(60), maxTotalDelay: .seconds(90))
    private static let calls = FaultRounds.current == .seconds ? 200 : 1000
    private static let width = 24

    /// A call, what its provider does at each try, and what must come of it.
    private struct Trial: Sendable {
        var wire: Wire
        var replies: [ScriptedReply] = []
        /// The kinds of error it may end with; empty where it must succeed.
        var kinds: Set<ModelError.Kind> = []
        /// Whether a reply takes until the client's patience ends.
        var isSilent = false
        /// How many faults there are.
        var faults: Int { kinds.isEmpty ? replies.count - 1 : replies.count }

        init(number: Int) {
            var generator = SeededGenerator(seed: 3, name: "call \(number)")
            wire = Wire.allCases.randomElement(using: &generator)!
            // Not more tries than the policy has.
            while replies.count < ModelFaultTests.policy.maxAttempts {
                switch Int.random(in: 0..<100, using: &generator) {
                case 0..<40:
                    replies.append(.turn(text: "Done \(number)."))
                    return
                case 40..<50:
                    let (reply, kind) = ProviderFault.permanent.randomElement(using: &generator)!
                    replies.append(reply)
                    kinds = [kind]
                    return
                case 50..<52:
                    replies.append(ProviderFault.silent.randomElement(using: &generator)!)
                    isSilent = true
                default:
                    replies.append(ProviderFault.transient(streaming: wire.streaming).randomElement(using: &generator)!)
                }
            }
            kinds = [.rateLimited, .unavailable, .timeout, .malformedReply]
        }
    }

    private actor Tries {
        private var counts: [String: Int] = [:]

        func next(_ call: String) -> Int {
            defer { counts[call, default: 0] += 1 }
            return counts[call, default: 0]
        }

        func count(_ call: String) -> Int { counts[call, default: 0] }
    }

    @Test func everyCallEndsAsItsFaultsSay() async throws {
        let trials = (0..<Self.calls).map(Trial.init)
        let tries = Tries()
        try await withScriptedProvider { request in
            guard let number = Int(request.latest) else { return .status(500) }
            let attempt = await tries.next(request.latest)
            return trials[number].replies.indices.contains(attempt) ? trials[number].replies[attempt] : .status(418)
        } body: { provider in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, trial) in trials.enumerated() {
                    if number >= Self.width { try await group.next() }
                    group.addTask { try await Self.run(trial, number, provider, tries) }
                }
                try await group.waitForAll()
            }
            #expect(await provider.violations.isEmpty)
            #expect(await provider.requests.count == trials.reduce(0) { $0 + $1.replies.count })
        }
        print("model calls: \(trials.count), faults injected: \(trials.reduce(0) { $0 + $1.faults })")
    }

    private static func run(_ trial: Trial, _ number: Int, _ provider: ScriptedProvider, _ tries: Tries) async throws {
        let waited = Mutex(Duration.zero)
        let base = try trial.wire.model(of: provider) { if trial.isSilent { $0.idleTimeout = .seconds(3) } }
        let model = RetryingModel(base, policy: policy, sleep: { pause in waited.withLock { $0 += pause } })
        let failure: ModelError?
        do {
            let reply = try await model.reply(to: .conversation([.user("\(number)")]))
            #expect(reply.turn.text == "Done \(number).")
            failure = nil
        } catch let error as ModelError {
            failure = error
        }
        #expect(failure.map { trial.kinds.contains($0.kind) } ?? trial.kinds.isEmpty, "\(trial): \(failure as Any)")
        // A permanent error stops at once, and waiting is bounded, whatever the provider asks for.
        let made = await tries.count("\(number)")
        #expect(made <= trial.replies.count, "\(trial)")
        #expect(waited.withLock { $0 } <= policy.maxTotalDelay, "\(trial)")
    }
}
