internal import Foundation

extension ControlGroup {
    /// Why the service can make no groups, as the end of a sentence that begins with “because”.
    struct Unavailable: Error {
        let reason: String
    }

    /// Where a service is put that would be in the way of its sandboxes' groups.
    private static let serviceGroup = "swe-agent-service"

    /// Finds out, by making a group, what the service may use here.
    ///
    /// - Throws: ``Unavailable`` where it is nothing.
    static func detect() throws(Unavailable) -> ControlGroup {
        guard let own = text("/proc/self/cgroup"), let mounts = text("/proc/self/mountinfo") else {
            throw Unavailable(reason: "the system has no control groups")
        }
        let places = places(own: own, mounts: mounts)
        var reason = "no control groups are mounted that hold this service"
        if let directory = places[""] {
            do throws(Unavailable) {
                return try unified(in: directory)
            } catch {
                reason = error.reason
            }
        }
        var parents: [Controller: String] = [:]
        for controller in Controller.allCases {
            guard let place = places[controller.name] else { continue }
            reason = "the service may not make control groups in \(place)"
            guard access(place, W_OK) == 0 else { continue }
            parents[controller] = controller == .processors ? allSandboxes(in: place) : place
        }
        let group = ControlGroup(parents: parents, isUnified: false)
        if !group.controllers.isEmpty, group.works { return group }
        throw Unavailable(reason: reason)
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
            // Mounted outside of this namespace: it does not show where this process is.
            guard !front[3].contains("..") else { continue }
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
                let isBelow = point.root != "/" && (fields[2] + "/").hasPrefix(point.root + "/")
                let path = isBelow ? String(fields[2].dropFirst(point.root.count)) : fields[2]
                places[name] = point.directory + (path == "/" ? "" : path)
            }
        }
        return places
    }

    /// Lets groups below the service's own have the controllers.
    ///
    /// A group with processes of its own cannot have them, but for the first of all, so that the service moves into one beside
    /// those of the sandboxes. It moves first: controllers that count threads could be had without, and the kernel
    /// would then take no process into the groups.
    private static func unified(in own: String) throws(Unavailable) -> ControlGroup {
        // Another provider of this process has moved it.
        let directory = own.hasSuffix("/\(serviceGroup)") ? String(own.dropLast(serviceGroup.count + 1)) : own
        let available = text("\(directory)/cgroup.controllers")?.split { $0.isWhitespace } ?? []
        let wanted = Controller.allCases.filter { available.contains($0.name[...]) }
        guard !wanted.isEmpty else {
            throw Unavailable(reason: "no controllers of control groups are there for \(directory)")
        }
        guard access(directory, W_OK) == 0 else {
            throw Unavailable(reason: "the service may not make control groups in \(directory)")
        }
        if access("\(directory)/cgroup.type", F_OK) == 0 {
            let processes = text("\(directory)/cgroup.procs")?.split(separator: "\n") ?? []
            guard processes.allSatisfy({ $0 == "\(getpid())" }) else {
                throw Unavailable(reason: "other processes are in the service's control group \(directory)")
            }
            let service = "\(directory)/\(serviceGroup)"
            guard mkdir(service, 0o755) == 0 || errno == EEXIST, write("\(getpid())", to: "\(service)/cgroup.procs")
            else { throw Unavailable(reason: "the service may not move to the control group \(service)") }
        }
        guard let all = allSandboxes(in: directory) else {
            throw Unavailable(reason: "the service may not make control groups in \(directory)")
        }
        // One by one: one may be refused where others are not.
        let enabled = wanted.filter { controller in
            [directory, all].allSatisfy { write("+\(controller.name)", to: "\($0)/cgroup.subtree_control") }
        }
        let group = ControlGroup(
            parents: Dictionary(uniqueKeysWithValues: enabled.map { ($0, all) }), isUnified: true)
        guard !enabled.isEmpty, group.works else {
            throw Unavailable(reason: "the control group \(directory) cannot be divided")
        }
        return group
    }

    /// The group of all sandboxes, which stays: together they get as much of the processors as the service alone, so that it
    /// answers however many of them compute.
    private static func allSandboxes(in directory: String) -> String? {
        let group = "\(directory)/swe-agent-sandboxes"
        return mkdir(group, 0o755) == 0 || errno == EEXIST ? group : nil
    }

    /// Whether a group can be made, and take processes.
    private var works: Bool {
        let name = "swe-agent-probe-\(getpid())"
        defer { remove(name) }
        guard let files = try? make(name, limits: SandboxLimits(memory: 1024, processes: 64)) else { return false }
        // The kernel calls it invalid where a group around it counts threads.
        return !isUnified
            || files.processes.allSatisfy { Self.text($0.replacing("cgroup.procs", with: "cgroup.type")) == "domain\n" }
    }
}
