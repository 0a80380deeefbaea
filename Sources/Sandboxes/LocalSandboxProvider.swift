internal import Foundation

/// Sandboxes on the machine of the service: processes in bubblewrap where that works, else under Landlock's rules, and
/// plain ones only where that is allowed.
///
/// The files of a task are in `{root}/{id}`; beside it `{root}/.state/{id}` holds what has to outlive the service but is
/// not the task's: the records of its commands, its home and its temporary files.
public struct LocalSandboxProvider: SandboxProvider {
    public let kind = "local"
    /// What keeps commands apart from the host.
    public let isolation: SandboxIsolation
    /// The network that commands have.
    public let network: SandboxNetwork

    private static let emptyFile = "empty"
    private static let emptyDirectory = "empty-directory"
    private static let filterFile = "system-calls"
    private static let nameServerFile = "name-servers"
    private static let ownFiles = [emptyFile, emptyDirectory, filterFile, nameServerFile]

    private let root: String
    private let environment: [String: String]
    private let bash: String
    /// See ``LocalSandboxSettings/confiningProgram``.
    private let confiningProgram: String?
    private let view: SandboxView
    private let limits: SandboxLimits
    private let groups: ControlGroup?
    /// Why there are no ``groups``.
    private let groupsReason: String?
    /// The file with the ``SystemCallFilter``.
    private let filter: String?
    /// `setpriv` with the arguments that let a process die with the service, where the system has that.
    private let dyingWithParent: [String]

    /// Makes sure of all that the sandboxes need.
    ///
    /// - Parameters:
    ///   - root: The directory for the tasks' workspaces; it is made where it is missing.
    ///   - hostEnvironment: The variables of the service.
    /// - Throws: ``SandboxError`` that says what is missing or wrong.
    public init(
        root: String,
        settings: LocalSandboxSettings = LocalSandboxSettings(),
        hostEnvironment: [String: String]
    ) async throws {
        environment = try settings.environment(from: hostEnvironment)
        let search = ProgramSearch(path: environment["PATH"] ?? "")
        guard let bash = search.find("bash") else {
            throw SandboxError(.unavailable, "The local sandbox needs bash; install it or correct PATH.")
        }
        self.bash = bash
        isolation = try await SandboxIsolation.detect(
            settings.isolation, path: search.path, confiningProgram: settings.confiningProgram)
        if case .none(let reason) = isolation, settings.isolation == .auto, !settings.allowsUnisolated {
            throw SandboxError(
                .unavailable,
                "Commands of tasks cannot be isolated here, because \(reason). Install bubblewrap and allow user "
                    + "namespaces, or accept that tasks act with all rights of this service: SANDBOX_ALLOW_UNISOLATED=1"
            )
        }
        network = try await SandboxNetwork.detect(settings, isolation: isolation, path: search.path)
        confiningProgram = settings.confiningProgram
        limits = settings.limits
        do throws(ControlGroup.Unavailable) {
            groups = try ControlGroup.detect()
            groupsReason = nil
        } catch {
            groups = nil
            groupsReason = error.reason
        }
        if limits.processors != nil, groups?.controllers.contains(.processors) != true {
            throw SandboxError(
                .unavailable,
                "SANDBOX_CPUS needs control groups that the service may make, such as with Delegate=yes in a systemd unit"
                    + (groupsReason.map { ": \($0)" } ?? "")
            )
        }

        let state = "\(HostPath.real(root))/.state"
        let emptyFile = "\(state)/\(Self.emptyFile)"
        let emptyDirectory = "\(state)/\(Self.emptyDirectory)"
        do {
            // What is to be hidden has to be there before a sandbox is made: one that is made later would be seen.
            for directory in [state, emptyDirectory] + settings.hiddenDirectories {
                try FileManager.default.createDirectory(
                    atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            }
            try Data().write(to: URL(filePath: emptyFile))
            try Data(OutboundNetwork.nameServers.utf8).write(to: URL(filePath: "\(state)/\(Self.nameServerFile)"))
            if case .bubblewrap = isolation, let program = SystemCallFilter(sockets: .usual) {
                let file = "\(state)/\(Self.filterFile)"
                try Data(program.bytes).write(to: URL(filePath: file), options: .atomic)
                filter = file
            } else {
                filter = nil
            }
        } catch {
            throw SandboxError(
                .failed, "The workspace directory \(root) cannot be written: \(error.localizedDescription)")
        }
        self.root = HostPath.real(root)
        groups?.removeAll(endingWith: LocalSandboxPlace.groupSuffix(root: self.root))
        var view = SandboxView.host(
            settings: settings, environment: hostEnvironment, root: self.root, emptyFile: emptyFile,
            emptyDirectory: emptyDirectory)
        view.hasFilter = filter != nil
        let nameServers = HostPath.real("/etc/resolv.conf")
        if case .outbound = network, FileManager.default.fileExists(atPath: nameServers) {
            view.replacedFiles[nameServers] = "\(state)/\(Self.nameServerFile)"
        }
        self.view = view
        // With bubblewrap the namespace ends with the service, and nothing else has to.
        dyingWithParent = if case .bubblewrap = isolation { [] } else { try await Self.setpriv(search) }
    }

    /// Whether commands reach the network, which cannot be kept from commands without isolation.
    public var hasNetwork: Bool { network != .none }

    /// What an operator should know about the walls that are missing, one line each.
    public var warnings: [String] {
        var warnings: [String] = []
        switch isolation {
        case .none(let reason):
            warnings.append(
                "Commands of tasks run without isolation, with the rights of this service, because \(reason).")
        case .landlock:
            warnings.append(
                "Commands of tasks are confined by Landlock, because bubblewrap does not work here: they see the host's "
                    + "processes.")
        case .bubblewrap: break
        }
        if case .host(let reason) = network, isIsolated {
            warnings.append(
                "Commands of tasks share the host's network, its services on loopback and cloud metadata included, "
                    + "because \(reason).")
        }
        if let gaps = gapsInLimits { warnings.append(gaps) }
        return warnings
    }

    /// The limits that do not hold for a task as a whole, in one line.
    private var gapsInLimits: String? {
        let counted = groups?.controllers ?? []
        var gaps: [String] = []
        if limits.memory != nil, !counted.contains(.memory) {
            gaps.append("Memory is limited for each process of a task, and not for all together")
        }
        if limits.processes != nil, !counted.contains(.processes), getuid() == 0 || !hasOwnUsers {
            gaps.append("The number of processes of a task is not limited")
        }
        guard !gaps.isEmpty else { return nil }
        return gaps.joined(separator: ". ")
            + ", because \(groupsReason ?? "control groups do not count that here"): see Limits in docs/security.md."
    }

    private var isIsolated: Bool { if case .none = isolation { false } else { true } }

    /// Whether the processes of a sandbox are counted apart from the user's others.
    private var hasOwnUsers: Bool { if case .bubblewrap = isolation { true } else { false } }

    public func withSandbox<Result: Sendable>(
        id: String,
        _ body: @Sendable (any Sandbox) async throws -> Result
    ) async throws -> Result {
        let place = try place(of: id)
        let wasInUse = place.isInUse
        try place.beginUse()
        defer { place.endUse() }
        let group = try makeGroup(of: place)
        do {
            let result = try await withSandbox(in: place, wasInUse: wasInUse, group: group, body)
            await removeGroup(of: place)
            return result
        } catch {
            await removeGroup(of: place)
            throw error
        }
    }

    private func withSandbox<Result: Sendable>(
        in place: LocalSandboxPlace, wasInUse: Bool, group: ControlGroup.Files,
        _ body: @Sendable (any Sandbox) async throws -> Result
    ) async throws -> Result {
        // A service that was killed cannot have cleaned up after itself, and bubblewrap, which ends with its parent, does
        // not notice one that ended before it began.
        if wasInUse { await ProcessSweep.ofKilledService(marker: place.marker, group: group).killAllAside() }
        let (shells, launches) = AsyncStream<Shell>.makeStream()
        let sandbox = LocalSandbox(place: place, launches: launches) { repositories, directories in
            launch(in: place, group: group, repositories: repositories, directories: directories)
        }
        let watch = limits.disk.map {
            DiskWatch(
                directories: place.filledDirectories, limit: $0 << 20,
                processes: ProcessSweep(marker: place.marker, group: group))
        }
        // Ends with this scope.
        async let _: Void? = watch?.run(on: sandbox)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await shell in shells { await shell.live() }
            }
            do {
                let result = try await body(sandbox)
                await sandbox.close()
                try await group.waitForAll()
                return result
            } catch {
                await sandbox.close()
                throw error
            }
        }
    }

    public func existing() async throws -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(root)/.state")) ?? []
        return names.filter { !Self.ownFiles.contains($0) }
    }

    public func remove(id: String) async throws {
        let place = try place(of: id)
        if place.isInUse { await ProcessSweep.ofKilledService(marker: place.marker).killAllAside() }
        await removeGroup(of: place)
        try await place.remove()
    }

    private func place(of id: String) throws -> LocalSandboxPlace {
        try LocalSandboxPlace(root: root, id: SandboxName.checked(id))
    }

    private func makeGroup(of place: LocalSandboxPlace) throws -> ControlGroup.Files {
        try groups?.make(place.groupName, limits: limits) ?? ControlGroup.Files()
    }

    private func removeGroup(of place: LocalSandboxPlace) async {
        guard let groups, !groups.remove(place.groupName) else { return }
        // A task of its own that is waited for: a cancelled one could not wait.
        await Task {
            for _ in 0..<100 {
                try? await Task.sleep(for: .milliseconds(20))
                if groups.remove(place.groupName) { return }
            }
        }.value
    }

    private func launch(
        in place: LocalSandboxPlace, group: ControlGroup.Files, repositories: [String], directories: [String]
    ) -> ShellLaunch {
        var environment = environment
        environment["HOME"] = place.home
        environment[place.marker.variable] = place.marker.value
        let shell = [bash, "--noprofile", "--norc"]
        let preparations = limits.shellCommands(group: groups?.controllers ?? [], ownUsers: hasOwnUsers)
        switch isolation {
        case .bubblewrap(let program):
            var view = view
            view.replacements = view.replacements.mapValues { _ in place.temporaryDirectory }
            view.readablePaths += repositories
            view.writableDirectories = [place.home, place.workspace]
            let entering: [String] =
                if case .outbound(let helper) = network, let confiningProgram {
                    [confiningProgram, OutboundNetwork.command, helper]
                } else {
                    []
                }
            return ShellLaunch(
                command: entering + [program, "--info-fd", "5"] + view.bubblewrapArguments + shell,
                environment: environment, records: place.records, directories: directories, containment: .namespace,
                preparations: preparations, group: group, helpers: entering.isEmpty ? nil : place.marker,
                filter: filter)
        case .landlock(let program):
            // There is no /tmp of its own without a namespace for mounts.
            environment["TMPDIR"] = place.temporaryDirectory
            let rules = LandlockLaunch.Rules(
                hidden: view.hiddenDirectories + view.hiddenFiles + view.replacements.keys.sorted(),
                readable: view.readablePaths + repositories, writable: place.directories, hasNetwork: view.hasNetwork)
            return ShellLaunch(
                command: dyingWithParent + [program, LandlockLaunch.command] + rules.arguments + shell,
                environment: environment, records: place.records, directories: directories,
                containment: .marker(place.marker), preparations: preparations, group: group)
        case .none:
            return ShellLaunch(
                command: dyingWithParent + shell, environment: environment,
                records: place.records, directories: directories, containment: .marker(place.marker),
                preparations: preparations, group: group)
        }
    }

    private static func setpriv(_ search: ProgramSearch) async throws -> [String] {
        guard let program = search.find("setpriv") else { return [] }
        let arguments = ["--pdeathsig", "KILL"]
        let probe = try await HostCommand(
            executable: program, arguments: arguments + ["true"], environment: ["PATH": search.path],
            timeout: .seconds(10)
        ).run()
        return probe.succeeded ? [program] + arguments : []
    }
}
