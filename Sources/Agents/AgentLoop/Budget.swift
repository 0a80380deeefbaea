import Foundation
import LanguageModels

/// What a task may still spend: model calls, money, time. It is asked *before* something is spent.
actor Budget {
    struct Limits: Sendable {
        /// Model calls.
        var steps: Int
        /// US dollars; `nil` for no limit.
        var costUSD: Double?
        /// When the task's time is over.
        var deadline: ContinuousClock.Instant
        /// The task's time in all, for messages.
        var time: Duration
    }

    /// With fewer tokens than this left to pay for, a reply is not worth asking for.
    private static let leastOutputTokens = 256

    nonisolated let prices: PriceTable
    private nonisolated let limits: Limits
    private(set) var steps = 0
    private(set) var usage = UsageReport()

    init(limits: Limits, prices: PriceTable) {
        self.limits = limits
        self.prices = prices
    }

    /// Begins again from what finished stages have spent.
    func reset(steps: Int, usage: UsageReport) {
        self.steps = steps
        self.usage = usage
    }

    /// Makes sure that a call can be afforded.
    ///
    /// - Returns: The most output tokens it may have.
    /// - Throws: ``TaskFailure`` naming the budget that is used up.
    func reserve(_ request: ModelRequest, of model: any LanguageModel) throws -> Int {
        guard steps < limits.steps else {
            throw TaskFailure(.stepBudget, "the task used up its \(limits.steps) steps (max_steps)")
        }
        _ = try clamp(.seconds(1))
        guard let most = limits.costUSD else { return request.maxOutputTokens }
        let left = most - (usage.costUSD ?? .infinity)
        var tokens = request.maxOutputTokens
        while tokens >= Self.leastOutputTokens {
            var smaller = request
            smaller.maxOutputTokens = tokens
            // Whichever model answers, its price must be known and fit.
            let costs = model.possibleNames.map { prices.reserve(for: smaller, model: $0) }
            guard costs.allSatisfy({ $0 != nil }) else { break }
            if costs.allSatisfy({ $0! <= left }) { return tokens }
            tokens /= 2
        }
        throw TaskFailure(
            .costBudget,
            "the next model call could pass the task's limit of $\(most) (max_cost_usd); spent: $\((most - left).rounded(places: 4))"
        )
    }

    /// Books a call, made now or before a crash.
    func settle(_ call: ModelCall) {
        steps += 1
        usage.inputTokens += call.reply.usage.inputTokens
        usage.cachedInputTokens += call.reply.usage.cachedInputTokens
        usage.outputTokens += call.reply.usage.outputTokens
        if let sum = usage.costUSD, let cost = call.costUSD { usage.costUSD = sum + cost } else { usage.costUSD = nil }
    }

    /// A duration cut to the time that is left.
    ///
    /// - Throws: ``TaskFailure`` where none is left.
    nonisolated func clamp(_ duration: Duration) throws -> Duration {
        let left = limits.deadline - .now
        guard left > .zero else { throw outOfTime }
        return min(duration, left)
    }

    /// Runs the task's work, and breaks it off at the deadline.
    nonisolated func beforeDeadline<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask(operation: body)
            group.addTask { [limits, outOfTime] in
                try await Task.sleep(until: limits.deadline, clock: .continuous)
                throw outOfTime
            }
            defer { group.cancelAll() }
            return try await group.next()!
        }
    }

    private nonisolated var outOfTime: TaskFailure {
        TaskFailure(.timeBudget, "the task used up its \(Int(limits.time.seconds)) seconds (timeout_seconds)")
    }
}

extension Double {
    func rounded(places: Int) -> Double {
        let scale = pow(10, Double(places))
        return (self * scale).rounded() / scale
    }
}
