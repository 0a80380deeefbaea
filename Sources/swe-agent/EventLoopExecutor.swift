import NIOCore
import NIOPosix

/// Runs tasks on the threads that read and write the sockets.
///
/// A step of a task is a chain of short pieces between the network, a shell and the disk. On threads of their own each
/// piece would begin with waking another thread, which costs more than the piece.
final class EventLoopExecutor: TaskExecutor {
    /// For the work on tasks.
    static let shared = EventLoopExecutor(MultiThreadedEventLoopGroup.singleton)
    /// For requests and the actors that they ask, so that a request waits for no piece of the work.
    static let requests = EventLoopExecutor(MultiThreadedEventLoopGroup(numberOfThreads: 1))

    let group: any EventLoopGroup

    /// One of the threads, for an actor.
    var serial: any SerialExecutor { group.any().executor }

    private init(_ group: any EventLoopGroup) {
        self.group = group
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        group.any().execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
