import Foundation
public import Logging
public import Workflow

/// Accepts tasks, works on some of them at a time, and goes on with what a restart broke off.
public actor TaskService {
    /// How much is taken on.
    public struct Limits: Sendable {
        /// Tasks at work at once. 0 accepts tasks and works on none, for maintenance.
        public var running: Int
        /// Tasks that may wait beside those at work.
        public var queued: Int
        /// Tasks that one client may have waiting and at work; `nil` for any number.
        public var perClient: Int?

        public init(running: Int = 4, queued: Int = 1000, perClient: Int? = nil) {
            self.running = running
            self.queued = queued
            self.perClient = perClient
        }
    }

    /// How long tasks that have ended are kept.
    public struct Retention: Sendable, Hashable {
        /// Those that ended longer ago are removed; `nil` keeps them.
        public var age: Duration?
        /// While the store is larger, those that ended first are removed; `nil` keeps them.
        public var bytes: Int64?

        public init(age: Duration? = nil, bytes: Int64? = nil) {
            self.age = age
            self.bytes = bytes
        }
    }

    /// How long a task rests that the store broke off, as when the disk is full, before it goes on.
    private static let rest: Duration = .seconds(2)
    private static let retentionInterval: Duration = .seconds(600)

    private nonisolated let executor: any SerialExecutor
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    public nonisolated let store: any RunStore
    public nonisolated let limits: Limits
    private nonisolated let retention: Retention
    private nonisolated let runner: TaskRunner
    private nonisolated let logger: Logger

    private var queue = FairQueue()
    /// Tasks that are being written to the store.
    private var arriving = 0
    /// Those that have not ended, where a client may have so many only.
    private var open = OpenTasks()
    private var running: [String: AsyncStream<Void>.Continuation] = [:]
    private var cancelled: Set<String> = []
    private var accepting = true
    private nonisolated let wakeups: AsyncStream<Void>
    private nonisolated let wakeup: AsyncStream<Void>.Continuation
    /// Ends when no task is at work and none is started any more.
    private nonisolated let work: AsyncStream<Never>
    private nonisolated let workEnded: AsyncStream<Never>.Continuation

    /// - Parameter executor: Where tasks are accepted and given their turns, a moment for each; the store's is a good one.
    public init(
        store: any RunStore, runner: TaskRunner, limits: Limits = Limits(), retention: Retention = Retention(),
        executor: any SerialExecutor, logger: Logger
    ) {
        self.executor = executor
        self.store = store
        self.runner = runner
        self.limits = limits
        self.retention = retention
        self.logger = logger
        (wakeups, wakeup) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (work, workEnded) = AsyncStream.makeStream()
    }

    // MARK: - Work

    /// Works until the calling task is cancelled; what is at work then goes on after the next start.
    public func run() async throws {
        try await resume()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.removeOldTasks() }
            wakeup.yield()
            for await _ in wakeups {
                while let (id, stop) = next() {
                    group.addTask { await self.work(on: id, until: stop) }
                }
            }
            group.cancelAll()
        }
    }

    /// Whether new tasks are taken; not while the service is going down.
    public var isAccepting: Bool { accepting }

    /// Takes no more tasks and starts none, so that a load balancer looks elsewhere, and lets those at work end.
    ///
    /// Returns when none is at work any more, or the time is over. The others go on after the next start.
    public func drain(for time: Duration = .zero) async {
        accepting = false
        guard !running.isEmpty, time > .zero else { return }
        logger.notice("going down: \(running.count) tasks at work have \(time) to end")
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in self.work {} }
            group.addTask { try? await Task.sleep(for: time) }
            await group.next()
            group.cancelAll()
        }
    }

    private func resume() async throws {
        try await runner.clearLeftovers { [store] id in try await store.summary(of: id)?.status.isFinal == true }
        let unfinished = try await store.unfinished()
        for summary in unfinished { open.insert(summary.id, of: summary.client) }
        for summary in unfinished {
            let snapshot = try await snapshot(of: summary.id)
            if snapshot?.cancelRequested == true { cancelled.insert(summary.id) }
            if summary.status != .waiting || cancelled.contains(summary.id) {
                queue.append(summary.id, of: summary.client)
            }
        }
        if !queue.isEmpty { logger.info("going on with \(queue.count) tasks") }
    }

    /// Takes the next task from the queue, with the signal that it is to stop.
    private func next() -> (id: String, stop: AsyncStream<Void>)? {
        guard accepting, running.count < limits.running, let id = queue.popFirst() else { return nil }
        let (stop, stopper) = AsyncStream<Void>.makeStream()
        running[id] = stopper
        return (id, stop)
    }

    private func work(on id: String, until stop: AsyncStream<Void>) async {
        if !cancelled.contains(id) {
            await withTaskGroup(of: Void.self) { group in
                // It keeps its place while it rests, so that a store in trouble gets no more work.
                group.addTask {
                    while await !self.execute(id) { try? await Task.sleep(for: Self.rest) }
                }
                group.addTask { for await _ in stop {} }
                await group.next()
                group.cancelAll()
            }
        }
        while cancelled.contains(id), !Task.isCancelled, await !end(id) { try? await Task.sleep(for: Self.rest) }
        running[id] = nil
        if !accepting, running.isEmpty { workEnded.finish() }
        wakeup.yield()
    }

    /// - Returns: Whether nothing more is to be done; not so where the store was in the way.
    private nonisolated func execute(_ id: String) async -> Bool {
        do {
            if try await runner.execute(id, journal: store.journal(of: id)).isFinal { await hasEnded(id) }
            return true
        } catch is CancellationError {
            return true
        } catch  where Task.isCancelled {
            return true
        } catch let error as JournalError {
            logger.error(
                "a task was broken off and goes on in \(Self.rest)", metadata: ["task": "\(id)", "error": "\(error)"])
            return false
        } catch {
            logger.error(
                "a task was broken off and goes on after a restart", metadata: ["task": "\(id)", "error": "\(error)"])
            return true
        }
    }

    private func hasEnded(_ id: String) async {
        // Its client may bring the next now.
        open.remove(id)
        await runner.removeFiles(of: id)
    }

    /// - Returns: Whether it has been ended.
    private func end(_ id: String) async -> Bool {
        do {
            if try await store.summary(of: id)?.status.isFinal == false {
                try await runner.cancel(id, journal: store.journal(of: id))
            }
            cancelled.remove(id)
            await hasEnded(id)
            return true
        } catch {
            logger.error("a cancelled task could not be ended", metadata: ["task": "\(id)", "error": "\(error)"])
            return false
        }
    }

    /// Removes tasks that are kept no longer, now and from time to time.
    private nonisolated func removeOldTasks() async {
        guard retention != Retention() else { return }
        repeat {
            do {
                let count = try await store.removeEnded(
                    before: retention.age.map { Date(timeIntervalSinceNow: -$0.seconds) },
                    keepingBytes: retention.bytes)
                if count > 0 { logger.info("removed \(count) tasks that are kept no longer") }
            } catch {
                logger.warning("old tasks could not be removed", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: Self.retentionInterval)
        } while !Task.isCancelled
    }

    // MARK: - Requests

    /// Accepts a task; it is on disk when this returns.
    ///
    /// - Parameters:
    ///   - idempotencyKey: Of two submissions with one key, the second gets the first's task.
    ///   - client: Who submits; clients get their turns one after the other.
    /// - Returns: The task's id.
    /// - Throws: ``TaskRequestError``, ``TaskRefusal``, `IdempotencyConflict`, `JournalError`.
    public func submit(
        _ request: TaskRequest, idempotencyKey: String? = nil, client: String? = nil
    ) async throws -> String {
        try runner.validate(request)
        let input = try JSONText(request)
        if let refusal = refusal(of: client) {
            // What was accepted once takes no place, and stays accepted.
            if let idempotencyKey, let earlier = try await store.run(withKey: idempotencyKey, input: input) {
                return earlier
            }
            throw refusal
        }
        let id = UUID().uuidString.lowercased()
        // Counted before it is written, so that no other takes the same place.
        open.insert(id, of: client)
        arriving += 1
        defer { arriving -= 1 }
        do {
            let accepted = try await store.submit(
                id: id, title: request.goal.firstLine, input: input, idempotencyKey: idempotencyKey,
                client: client)
            if accepted == id {
                queue.append(id, of: client)
                wakeup.yield()
            } else {
                open.remove(id)
            }
            return accepted
        } catch {
            open.remove(id)
            throw error
        }
    }

    /// Why a client cannot have a new task now; `nil` where it can.
    private func refusal(of client: String?) -> TaskRefusal? {
        guard accepting else { return .draining }
        guard queue.count + arriving < limits.queued else { return .queueFull(limits.queued) }
        guard let client, let most = limits.perClient, open.count(of: client) >= most else { return nil }
        return .clientFull(most)
    }

    /// What became of a request that concerns one task.
    public enum Change: Sendable, Hashable {
        case done
        case unknownTask
        /// The task has ended, or does not wait for this.
        case notNow(RunStatus)
    }

    /// Asks for a task to end; its partial change is kept.
    public func cancel(_ id: String) async throws -> Change {
        guard let summary = try await store.summary(of: id) else { return .unknownTask }
        guard !summary.status.isFinal else { return .notNow(summary.status) }
        guard cancelled.insert(id).inserted else { return .done }
        do {
            try await store.journal(of: id).record(RunEvent(.cancelRequested, detail: "by request"))
        } catch {
            cancelled.remove(id)
            throw error
        }
        if let stopper = running[id] {
            stopper.finish()
        } else {
            queue.append(id, of: summary.client)
            wakeup.yield()
        }
        return .done
    }

    /// Answers the question that a task waits with.
    public func answer(_ id: String, with answer: PlanAnswer) async throws -> Change {
        guard let snapshot = try await snapshot(of: id) else { return .unknownTask }
        guard snapshot.status == .waiting, let question = snapshot.question, running[id] == nil else {
            return .notNow(snapshot.status)
        }
        try await store.journal(of: id).record(RunEvent(.answered, key: question.key, payload: JSONText(answer)))
        queue.append(id, of: try await store.summary(of: id)?.client)
        wakeup.yield()
        return .done
    }

    /// Where a task stands; `nil` where there is no such task.
    public nonisolated func snapshot(of id: String) async throws -> TaskSnapshot? {
        var snapshot = TaskSnapshot(id: id)
        for entry in try await store.entries(of: id, after: 0, limit: .max) { try snapshot.apply(entry) }
        return snapshot.sequence > 0 ? snapshot : nil
    }
}

/// A task that is not taken now.
public enum TaskRefusal: Error, Sendable, Hashable {
    case queueFull(Int)
    /// The client has as many tasks as one may have.
    case clientFull(Int)
    case draining
}
