/// What the commands of one sandbox may use up of the machine, all of them together unless it says otherwise; `nil` is no
/// limit.
///
/// Memory, processes and processors are counted by control groups where the service may make them. Without, memory is
/// limited by process, and processes only inside bubblewrap and only where the service does not run as root, for whom the
/// kernel has no such limit.
public struct SandboxLimits: Sendable, Hashable {
    /// MiB.
    public var memory: Int?
    /// Processes and threads.
    public var processes: Int?
    /// MiB of one file.
    public var fileSize: Int?
    /// MiB of the workspace, the home and the temporary files. Checked about once a second, so that it can be exceeded by
    /// what is written in that time.
    public var disk: Int?
    /// Processors, such as 1.5. Needs control groups.
    public var processors: Double?

    public init(
        memory: Int? = nil, processes: Int? = nil, fileSize: Int? = nil, disk: Int? = nil, processors: Double? = nil
    ) {
        self.memory = memory
        self.processes = processes
        self.fileSize = fileSize
        self.disk = disk
        self.processors = processors
    }

    /// Ample for builds and tests, and little enough that a few tasks gone wild leave the machine usable.
    public static let usual = SandboxLimits(memory: 4096, processes: 512, fileSize: 4096, disk: 16_384)

    /// What bash's `ulimit` sets for the processes that it starts; in force for good, as it sets the hard limits too.
    ///
    /// - Parameters:
    ///   - group: The controllers that limit them together; what those count needs no limit by process.
    ///   - ownUsers: Whether processes are counted apart from the user's others, as in a user namespace.
    func shellCommands(group: Set<ControlGroup.Controller>, ownUsers: Bool) -> [String] {
        // A core of a large process would fill the disk.
        var limits = ["-c 0"]
        if let fileSize { limits.append("-f \(fileSize * 1024)") }
        // Data, not address space: runtimes reserve far more addresses than they use.
        if let memory, !group.contains(.memory) { limits.append("-d \(memory * 1024)") }
        if let processes, ownUsers, !group.contains(.processes) { limits.append("-u \(processes)") }
        // A limit that is lower already stays.
        return limits.map { "builtin ulimit \($0) 2>/dev/null || :" }
    }
}
