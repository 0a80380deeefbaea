import NIOCore
import NIOPosix

/// Runs tasks on the threads that read and write the sockets.
///
/// A step of a task is a chain of short pieces between the network, a shell and the disk. On threads of their own each
/// piece would begin with waking another thread, which costs more than the piece.
final class EventLoopExecutor: TaskExecutor {
    static let shared = EventLoopExecutor()

    private let group = MultiThreadedEventLoopGroup.singleton

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        group.any().execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
