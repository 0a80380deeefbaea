internal import Foundation

/// The priority of what works for tasks: it gives way to the service, which then answers however much they compute.
///
/// ``ControlGroup`` does that for sandboxes where it can, and no process gets around it. This is for programs on the host,
/// and for sandboxes where no groups can be made.
enum BackgroundPriority {
    /// About a tenth of the usual weight: the least would stop the work where something else computes all the time.
    private static let nice: Int32 = 10

    /// Gives the priority to the process group and session of a process, and to what their processes start from now on.
    ///
    /// Linux may schedule each session as a group, which takes a part of the processor as large as that of the service's own;
    /// inside of such a group the priority of a process says nothing to the others (sched(7), “The autogroup feature”).
    ///
    /// - Returns: Whether nothing is left to do; the kernel takes only some changes of groups a second from users other
    ///   than root.
    static func give(to process: pid_t) -> Bool {
        let group = getpgid(process)
        guard group > 1 else { return true }
        // Whoever may not has reasons, and the work is done all the same.
        #if canImport(Glibc)
        _ = setpriority(__priority_which_t(PRIO_PGRP.rawValue), id_t(group), nice)
        #else
        _ = setpriority(PRIO_PGRP, id_t(group), nice)
        #endif
        let file = open("/proc/\(process)/autogroup", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return true }
        defer { close(file) }
        return write(file, "\(nice)", "\(nice)".utf8.count) > 0 || errno != EAGAIN
    }
}
