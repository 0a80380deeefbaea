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
    private let parents: [Controller: String]
    private let isUnified: Bool

    /// The controllers that can be used.
    var controllers: Set<Controller> { Set(parents.keys) }

    /// Finds out, by making a group, what the service may use here.
    ///
    /// - Returns: `nil` where it is nothing.
    static func detect() -> ControlGroup? {
        guard let own = text("/proc/self/cgroup"), let mounts = text("/proc/self/mountinfo") else { return nil }
        let places = places(own: own, mounts: mounts)
        if let directory = places[""], enableControllers(in: directory) != nil,
            let all = allSandboxes(in: directory), let controllers = enableControllers(in: all)
        {
            let group = ControlGroup(
                parents: Dictionary(uniqueKeysWithValues: controllers.map { ($0, all) }), isUnified: true)
            if group.works { return group }
        }
        var parents: [Controller: String] = [:]
        for controller in Controller.allCases {
            guard let place = places[controller.name], access(place, W_OK) == 0 else { continue }
            parents[controller] = controller == .processors ? allSandboxes(in: place) : place
        }
        let group = ControlGroup(parents: parents, isUnified: false)
        return group.controllers.isEmpty || !group.works ? nil : group
    }

    /// The directories of the service's own groups by controller; the one of version 2 under the empty name.
    static func places(own: String, mounts: String) -> [String: String] {
        var points: [String: (directory: String, root: String)] = [:]
        for line in mounts.split(separator: "\n") {
            // 36 35 98:0 /root /mount/point rw,noatime master:1 - cgroup cgroup rw,pids
            let halves = line.split(separator: " - ", maxSplits: 1)
            guard halves.count == 2 else { continue }
            let front = halves[0].split(separator: " ")
            let back = halves[1].split(separator: " ")
            guard front.count > 4, let type = back.first, type.hasPrefix("cgroup") else { continue }
            let names = type == "cgroup2" ? [""] : back.last?.split(separator: ",").map(String.init) ?? []
            for name in names where points[name] == nil { points[name] = (String(front[4]), String(front[3])) }
        }
        var places: [String: String] = [:]
        for line in own.split(separator: "\n") {
            // 4:memory:/path, and 0::/path for version 2
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
            guard fields.count == 3, !fields[2].contains("..") else { continue }
            for name in fields[1].split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
                guard let point = points[name] else { continue }
                // In a container the mount shows a part of the tree only, of which it is the root.
                let path = fields[2] == point.root ? "/" : fields[2]
                places[name] = point.directory + (path == "/" ? "" : path)
            }
        }
        return places
    }

    /// The group of all sandboxes, which stays: together they get as much of the processors as the service alone, so that it
    /// answers however many of them compute.
    private static func allSandboxes(in directory: String) -> String? {
        let group = "\(directory)/swe-agent-sandboxes"
        return mkdir(group, 0o755) == 0 || errno == EEXIST ? group : nil
    }

    /// Lets groups below the directory have the controllers. A group with processes of its own cannot, so that the service
    /// moves into a group beside those of the sandboxes.
    private static func enableControllers(in directory: String) -> Set<Controller>? {
        guard let available = text("\(directory)/cgroup.controllers"), access(directory, W_OK) == 0 else { return nil }
        let names = available.split { $0.isWhitespace }
        let controllers = Controller.allCases.filter { names.contains($0.name[...]) }
        guard !controllers.isEmpty else { return nil }
        let wanted = controllers.map { "+\($0.name)" }.joined(separator: " ")
        if !write(wanted, to: "\(directory)/cgroup.subtree_control") {
            let processes = text("\(directory)/cgroup.procs")?.split(separator: "\n") ?? []
            let service = "\(directory)/swe-agent-service"
            guard processes.allSatisfy({ $0 == "\(getpid())" }), mkdir(service, 0o755) == 0 || errno == EEXIST,
                write("\(getpid())", to: "\(service)/cgroup.procs"),
                write(wanted, to: "\(directory)/cgroup.subtree_control")
            else { return nil }
        }
        return Set(controllers)
    }

    private var works: Bool {
        let name = "swe-agent-probe-\(getpid())"
        defer { remove(name) }
        return (try? make(name, limits: SandboxLimits(memory: 1024, processes: 64))) != nil
    }

    /// The files of one group by which it is entered and looked into.
    struct Files: Sendable {
        /// What a process of one thread writes 0 to in order to be in the group.
        var entrances: [String] = []
        /// What lists the processes that are in it.
        var processes: [String] = []
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
        return Files(entrances: isUnified ? processes : directories.map { "\($0)/tasks" }, processes: processes)
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

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// One write, as the kernel's files take it; never makes a file.
    private static func write(_ value: String, to path: String) -> Bool {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        return Foundation.write(file, value, value.utf8.count) == value.utf8.count
    }
}
