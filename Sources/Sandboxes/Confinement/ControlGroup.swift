internal import Foundation

/// Control groups of the kernel below the one that the service runs in (cgroups(7)), of version 2 or, on older systems, 1.
///
/// The service may make them where the group was delegated to it, such as by `Delegate=yes` in a systemd unit, and as root
/// outside of containers.
struct ControlGroup: Sendable {
    enum Controller: Sendable, CaseIterable {
        case memory, processes, processors

        /// The kernel's name.
        var name: String {
            switch self {
            case .memory: "memory"
            case .processes: "pids"
            case .processors: "cpu"
            }
        }
    }

    /// Where each controller's groups can be made. With version 2 it is one directory for all.
    let parents: [Controller: String]
    let isUnified: Bool

    /// The controllers that can be used.
    var controllers: Set<Controller> { Set(parents.keys) }

    /// The files of one group by which it is entered and looked into.
    struct Files: Sendable {
        /// What a process of one thread writes 0 to in order to be in the group.
        var entrances: [String] = []
        /// What lists the processes that are in it.
        var processes: [String] = []
        /// What kills them all when 1 is written to it, where the kernel has that.
        var kill: String?
    }

    /// Makes a group, or takes the one there is.
    ///
    /// - Throws: ``SandboxError``.
    func make(_ name: String, limits: SandboxLimits) throws -> Files {
        let directories = Set(parents.values).map { "\($0)/\(name)" }.sorted()
        for directory in directories {
            guard mkdir(directory, 0o755) == 0 || errno == EEXIST else {
                throw SandboxError(.failed, "The control group \(directory) cannot be made: \(Self.reason)")
            }
        }
        for (controller, parent) in parents {
            for (file, value) in settings(of: controller, limits) {
                guard Self.write(value, to: "\(parent)/\(name)/\(file)") || file.contains("swap") else {
                    throw SandboxError(.failed, "The limit \(parent)/\(name)/\(file) cannot be set: \(Self.reason)")
                }
            }
        }
        let processes = directories.map { "\($0)/cgroup.procs" }
        // To move a whole process the kernel waits for all processors, which takes milliseconds; a thread that moves itself
        // it need not wait for. Version 2 moves processes only.
        guard isUnified else { return Files(entrances: directories.map { "\($0)/tasks" }, processes: processes) }
        return Files(entrances: processes, processes: processes, kill: directories.first.map { "\($0)/cgroup.kill" })
    }

    private static var reason: String { String(cString: strerror(errno)) }

    private func settings(of controller: Controller, _ limits: SandboxLimits) -> [(file: String, value: String)] {
        switch controller {
        case .memory:
            guard let memory = limits.memory else { return [] }
            let bytes = "\(memory << 20)"
            // Swapping would only make a task that has no bounds slow.
            return isUnified
                ? [("memory.max", bytes), ("memory.swap.max", "0")]
                : [("memory.limit_in_bytes", bytes), ("memory.memsw.limit_in_bytes", bytes)]
        case .processes: return limits.processes.map { [("pids.max", "\($0)")] } ?? []
        case .processors:
            let period = 100_000
            guard let quota = limits.processors.map({ Int($0 * Double(period)) }) else { return [] }
            return isUnified
                ? [("cpu.max", "\(quota) \(period)")]
                : [("cpu.cfs_period_us", "\(period)"), ("cpu.cfs_quota_us", "\(quota)")]
        }
    }

    /// Removes the empty groups with such names that a service left that was killed.
    func removeAll(endingWith suffix: String) {
        for directory in Set(parents.values) {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
            for name in names where name.hasPrefix("swe-agent-") && name.hasSuffix(suffix) {
                rmdir("\(directory)/\(name)")
            }
        }
    }

    /// Removes a group whose processes have ended.
    ///
    /// - Returns: Whether it is gone. The kernel may hold on to it for a moment, until the last process has left the processor.
    @discardableResult
    func remove(_ name: String) -> Bool {
        Set(parents.values).filter { rmdir("\($0)/\(name)") != 0 && errno == EBUSY }.isEmpty
    }

    static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// One write, as the kernel's files take it; never makes a file.
    @discardableResult
    static func write(_ value: String, to path: String) -> Bool {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        return Foundation.write(file, value, value.utf8.count) == value.utf8.count
    }
}
