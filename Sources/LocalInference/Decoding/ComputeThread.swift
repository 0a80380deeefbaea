import Foundation

/// A thread of its own for work that takes the processor for long, as the executor of an actor.
///
/// The threads that Swift's tasks share are for short pieces of work; a pass through a model would hold one up, and
/// whatever waits for it.
final class ComputeThread: SerialExecutor {
    private let queue: WorkQueue

    init(name: String) {
        let queue = WorkQueue()
        self.queue = queue
        let thread = Thread { queue.work() }
        thread.name = name
        thread.stackSize = 2 << 20
        thread.start()
    }

    deinit { queue.close() }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedSerialExecutor()
        queue.add { job.runSynchronously(on: executor) }
    }

    /// Does a piece of work after all that came before it.
    func enqueue(_ work: @escaping @Sendable () -> Void) {
        queue.add(work)
    }

    /// Does a piece of work and waits for its outcome, without holding up the thread of the task that waits.
    func run<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.add { continuation.resume(with: Swift.Result(catching: work)) }
        }
    }

    func checkIsolated() {
        precondition(queue.isWorkingHere, "not on the thread of this executor")
    }
}

/// What a ``ComputeThread`` does next. Not a part of it, so that the thread does not keep its executor alive.
///
/// `@unchecked Sendable`: everything is read and written with the condition's lock held. A condition, as the thread has
/// to sleep while there is nothing to do; an actor cannot be awaited outside of tasks.
private final class WorkQueue: @unchecked Sendable {
    private let condition = NSCondition()
    private var works: [@Sendable () -> Void] = []
    private var isClosed = false
    private var thread: Thread?

    func add(_ work: @escaping @Sendable () -> Void) {
        condition.withLock {
            works.append(work)
            condition.signal()
        }
    }

    func close() {
        condition.withLock {
            isClosed = true
            condition.signal()
        }
    }

    var isWorkingHere: Bool { condition.withLock { thread == Thread.current } }

    /// Works until the queue is closed and empty.
    func work() {
        condition.withLock { thread = Thread.current }
        while let works = next() {
            for work in works { work() }
        }
    }

    private func next() -> [@Sendable () -> Void]? {
        condition.withLock {
            while works.isEmpty {
                if isClosed { return nil }
                condition.wait()
            }
            defer { works = [] }
            return works
        }
    }
}
