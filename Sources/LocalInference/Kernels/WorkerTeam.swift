import CKernels

/// Threads that work on one loop at a time.
///
/// Between loops they spin for a fraction of a millisecond and then sleep, so that an idle model costs no processor time.
/// Several callers take turns; a body must not start another loop of the same team.
///
/// `@unchecked Sendable`: the C team locks out a second caller until the first is done, and nothing else is mutable.
final class WorkerTeam: @unchecked Sendable {
    /// Threads, the caller's included.
    let count: Int
    let scratch = ScratchPool()
    private let pointer: OpaquePointer

    init(threads: Int) throws {
        guard let pointer = threads > 0 ? ck_team_create(threads) : nil else {
            throw KernelError("Cannot start \(threads) threads for local inference.")
        }
        count = threads
        self.pointer = pointer
    }

    deinit {
        ck_team_destroy(pointer)
    }

    /// Calls `body` once on each thread, at the same time, with the numbers 0 to `count` - 1; returns when all are done.
    func run(_ body: (_ worker: Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            var work = Work(body: body)
            withUnsafeMutablePointer(to: &work) { work in
                ck_team_run(
                    pointer,
                    { context, worker in context!.assumingMemoryBound(to: Work.self).pointee.body(worker) },
                    work
                )
            }
        }
    }

    private struct Work {
        let body: (Int) -> Void
    }

    /// Within `run`: waits until every worker is here.
    func barrier() {
        ck_team_barrier(pointer)
    }

    /// Within `run`, once in it, by every worker: calls `body` with stretches of `0..<count`, up to `grain` long, that no
    /// other worker has taken, until none are left. A worker whose processor is busy elsewhere then takes fewer.
    func takeTurns(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
        while true {
            let start = ck_team_take(pointer, grain)
            guard start < count else { return }
            body(start..<min(start + grain, count))
        }
    }

    /// Calls `body` on each thread with its share of `0..<count`: shares are contiguous, about equal, and begin at
    /// multiples of `grain`. A thread whose share would be empty is not called.
    func split(_ count: Int, grain: Int = 1, _ body: (Range<Int>) -> Void) {
        run { worker in
            let share = self.share(of: count, grain: grain, for: worker)
            if !share.isEmpty {
                body(share)
            }
        }
    }

    /// The part of `0..<count` that `split` gives to a worker.
    func share(of count: Int, grain: Int = 1, for worker: Int) -> Range<Int> {
        let grains = (count + grain - 1) / grain
        let start = grains * worker / self.count * grain
        return min(start, count)..<min(grains * (worker + 1) / self.count * grain, count)
    }
}

/// The machine lacks something the kernels need.
struct KernelError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
