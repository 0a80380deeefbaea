internal import Dispatch
internal import Foundation

/// Kills processes that belong together although they may have left their parent, process group and session.
///
/// A process belongs to the sweep if it is in one of the control groups, its environment bears the marker, its session is
/// that of the leader, or its parent belongs to it. Without control groups one that cleared its environment, began a
/// session and lost its parent is not found: that takes a process namespace.
struct ProcessSweep {
    let marker: ProcessMarker
    /// The process that began the session, where there is one.
    var leader: pid_t?
    /// A control group that holds nothing else.
    var group = ControlGroup.Files()
    /// How long processes are waited for of which nothing can be said, as they are becoming another program: one may look
    /// so for ever, and a thread waits.
    var patience: Duration = .milliseconds(50)

    /// For what a service has left that was killed: it may have died just when it started them, and only the marker tells.
    static func ofKilledService(marker: ProcessMarker, group: ControlGroup.Files = .init()) -> ProcessSweep {
        ProcessSweep(marker: marker, group: group, patience: .seconds(2))
    }

    private static let queue = DispatchQueue(label: "swe-agent.process-sweeps", qos: .userInitiated)

    /// Kills what belongs to the sweep as ``killAll()`` does, on a thread where it holds up no task: to look through the
    /// processes of a busy machine takes many milliseconds, and hundreds of tasks may go on at once after a restart.
    func killAllAside() async {
        await withCheckedContinuation { continuation in
            Self.queue.async {
                killAll()
                continuation.resume()
            }
        }
    }

    /// Kills what belongs to the sweep, and returns when nothing of it runs any more.
    func killAll() {
        // However fast they multiply, it ends them at once.
        if let kill = group.kill { ControlGroup.write("1", to: kill) }
        // Stopped processes cannot fork, so that this ends however fast they multiply.
        var stopped: Set<pid_t> = []
        let deadline = ContinuousClock.now + patience
        while true {
            let new = members(waitingUntil: deadline).subtracting(stopped)
            if new.isEmpty { break }
            for process in new { kill(process, SIGSTOP) }
            stopped.formUnion(new)
        }
        for process in stopped { kill(process, SIGKILL) }
        for process in stopped {
            // A cancelled task cannot sleep; the thread waits for the moment that the kernel needs.
            while ProcessStatus(of: process)?.isRunning == true { usleep(200) }
        }
    }

    /// What the files take that the processes hold open although they have no name any more.
    func bytesOfRemovedFiles(onDiskOf directory: String) -> Int {
        var disk = stat()
        guard stat(directory, &disk) == 0 else { return 0 }
        var sizes: [ino_t: Int] = [:]
        for process in members(waitingUntil: .now) {
            let descriptors = "/proc/\(process)/fd"
            for name in (try? FileManager.default.contentsOfDirectory(atPath: descriptors)) ?? [] {
                var file = stat()
                guard stat("\(descriptors)/\(name)", &file) == 0, file.st_dev == disk.st_dev, file.st_nlink == 0 else {
                    continue
                }
                sizes[file.st_ino] = Int(file.st_blocks) * 512
            }
        }
        return sizes.values.reduce(0, +)
    }

    /// The processes of the sweep that run.
    private func members(waitingUntil deadline: ContinuousClock.Instant) -> Set<pid_t> {
        var members: Set<pid_t> = []
        for file in group.processes {
            let text = FileManager.default.contents(atPath: file).map { String(decoding: $0, as: UTF8.self) } ?? ""
            members.formUnion(text.split(separator: "\n").compactMap { pid_t($0) }.filter { $0 > 1 })
        }
        members = members.filter { ProcessStatus(of: $0)?.isRunning == true }
        var children: [pid_t: [pid_t]] = [:]
        var undecided: [ProcessStatus] = []
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let process = pid_t(name), let status = ProcessStatus(of: process), status.isRunning else { continue }
            children[status.parent, default: []].append(process)
            switch status.session == leader ? true : status.bearsMarker(marker) {
            case true?: members.insert(process)
            case false?: break
            case nil: undecided.append(status)
            }
        }
        while !undecided.isEmpty, .now < deadline {
            // A cancelled task cannot sleep; the thread waits.
            usleep(500)
            undecided.removeAll { status in
                let bearsMarker = status.bearsMarker(marker)
                if bearsMarker == true { members.insert(status.process) }
                return bearsMarker != nil
            }
        }
        var parents = Array(members)
        while let parent = parents.popLast() {
            for child in children[parent] ?? [] where members.insert(child).inserted { parents.append(child) }
        }
        return members
    }
}
