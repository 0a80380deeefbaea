internal import Foundation

/// Kills processes that belong together although they may have left their parent, process group and session.
///
/// A process belongs to the sweep if its environment bears the marker, its session is that of the leader, or its
/// parent belongs to it. One that cleared its environment, began a session and lost its parent is not found: that
/// takes a process namespace.
struct ProcessSweep {
    let marker: ProcessMarker
    /// The process that began the session, where it still runs.
    var leader: pid_t?

    /// Kills what belongs to the sweep, and returns when nothing of it is left.
    func killAll() {
        // Stopped processes cannot fork, so that this ends however fast they multiply.
        var stopped: Set<pid_t> = []
        while true {
            let new = members().subtracting(stopped)
            if new.isEmpty { break }
            for process in new { kill(process, SIGSTOP) }
            stopped.formUnion(new)
        }
        for process in stopped { kill(process, SIGKILL) }
        // A cancelled task cannot sleep; the thread waits for the moment that the kernel needs.
        while !members().isEmpty { usleep(500) }
    }

    /// The processes of the sweep that still run.
    private func members() -> Set<pid_t> {
        var members: Set<pid_t> = []
        var children: [pid_t: [pid_t]] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let process = pid_t(name), let status = ProcessStatus(of: process), !status.isZombie else { continue }
            children[status.parent, default: []].append(process)
            if status.session == leader || process == leader || bearsMarker(process) { members.insert(process) }
        }
        var parents = Array(members)
        while let parent = parents.popLast() {
            for child in children[parent] ?? [] where members.insert(child).inserted { parents.append(child) }
        }
        return members
    }

    private func bearsMarker(_ process: pid_t) -> Bool {
        guard let environment = FileManager.default.contents(atPath: "/proc/\(process)/environ") else { return false }
        let entry = Data("\(ProcessMarker.variable)=\(marker.value)\0".utf8)
        return environment.starts(with: entry) || environment.range(of: Data([0]) + entry) != nil
    }
}

/// What the kernel says of a process (`proc_pid_stat(5)`).
private struct ProcessStatus {
    let isZombie: Bool
    let parent: pid_t
    let session: pid_t

    init?(of process: pid_t) {
        guard let bytes = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return nil }
        // The name in parentheses may hold anything; the fields begin after the last parenthesis.
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 3, let parent = pid_t(fields[1]), let session = pid_t(fields[3]) else { return nil }
        isZombie = fields[0] == "Z" || fields[0] == "X"
        self.parent = parent
        self.session = session
    }
}
