import Foundation

/// How much memory this process may still take.
enum AvailableMemory {
    /// In bytes: what the system has, or what is left of the limit of the control group where that is less. Memory that
    /// holds files only to have them at hand counts as available. `nil` where the system does not say.
    static func bytes() -> Int? {
        [system(), controlGroup()].compactMap(\.self).min()
    }

    /// Source: proc_meminfo(5).
    private static func system() -> Int? {
        #if os(Linux)
        guard let text = read("/proc/meminfo"),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }),
            let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { return nil }
        return kibibytes << 10
        #else
        return Int(ProcessInfo.processInfo.physicalMemory)
        #endif
    }

    /// Source: the kernel's "Control Group v2", memory interface files. In a container its own group is at the root.
    private static func controlGroup() -> Int? {
        let group = (read("/proc/self/cgroup") ?? "").split(separator: "\n").first { $0.hasPrefix("0::") }
        let path = group.map { String($0.dropFirst(3)) } ?? "/"
        for directory in ["/sys/fs/cgroup" + path, "/sys/fs/cgroup"] {
            guard let limit = number(directory + "/memory.max"), let used = number(directory + "/memory.current") else {
                continue
            }
            let statistics = read(directory + "/memory.stat") ?? ""
            let files = statistics.split(separator: "\n").first { $0.hasPrefix("file ") }
            let reclaimable = files.flatMap { Int($0.dropFirst(5)) } ?? 0
            return max(0, limit - max(0, used - reclaimable))
        }
        return nil
    }

    private static func number(_ path: String) -> Int? {
        read(path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    private static func read(_ path: String) -> String? {
        try? String(contentsOfFile: path, encoding: .utf8)
    }
}
