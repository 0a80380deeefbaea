internal import Foundation

/// Sandboxes on the machine of the service: processes in bubblewrap where that works, else plain ones.
///
/// The files of a task are in `{root}/{id}`; beside it `{root}/.state/{id}` holds what has to outlive the service but is
/// not the task's: the records of its commands, its home and its temporary files.
public struct LocalSandboxProvider: SandboxProvider {
    public let kind = "local"
    /// What keeps commands apart from the host.
    public let isolation: SandboxIsolation

    private static let emptyFile = "empty"
    private static let emptyDirectory = "empty-directory"

    private let root: String
    private let environment: [String: String]
    private let bash: String
    private let view: SandboxView
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
        isolation = try await SandboxIsolation.detect(settings.isolation, path: search.path)

        let state = "\(HostPath.real(root))/.state"
        let emptyFile = "\(state)/\(Self.emptyFile)"
        let emptyDirectory = "\(state)/\(Self.emptyDirectory)"
        do {
            for directory in [state, emptyDirectory] {
                try FileManager.default.createDirectory(
                    atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            }
            try Data().write(to: URL(filePath: emptyFile))
        } catch {
            throw SandboxError(
                .failed, "The workspace directory \(root) cannot be written: \(error.localizedDescription)")
        }
        self.root = HostPath.real(root)
        view = .host(
            settings: settings, environment: hostEnvironment, root: self.root, emptyFile: emptyFile,
            emptyDirectory: emptyDirectory)
        // With bubblewrap the namespace ends with the service, and nothing else has to.
        dyingWithParent = if case .none = isolation { try await Self.setpriv(search) } else { [] }
    }

    /// One line for the log of a service whose sandboxes are not isolated; `nil` where they are.
    public var warning: String? {
        guard case .none(let reason) = isolation else { return nil }
        return "Commands of tasks run without isolation, with the rights of this service, because \(reason)."
    }

    public func withSandbox<Result: Sendable>(
        id: String,
        _ body: @Sendable (any Sandbox) async throws -> Result
    ) async throws -> Result {
        let place = try place(of: id)
        let isNew = try place.make()
        // A service that was killed cannot have cleaned up after itself, and bubblewrap, which ends with its parent, does
        // not notice one that ended before it began.
        if !isNew { ProcessSweep(marker: place.marker).killAll() }
        let (shells, launches) = AsyncStream<Shell>.makeStream()
        let sandbox = LocalSandbox(place: place, launches: launches) { repositories, directories in
            launch(in: place, repositories: repositories, directories: directories)
        }
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
        return names.filter { $0 != Self.emptyFile && $0 != Self.emptyDirectory }
    }

    public func remove(id: String) async throws {
        let place = try place(of: id)
        ProcessSweep(marker: place.marker).killAll()
        try await place.remove()
    }

    private func place(of id: String) throws -> LocalSandboxPlace {
        try LocalSandboxPlace(root: root, id: SandboxName.checked(id))
    }

    private func launch(in place: LocalSandboxPlace, repositories: [String], directories: [String]) -> ShellLaunch {
        var environment = environment
        environment["HOME"] = place.home
        environment[place.marker.variable] = place.marker.value
        let shell = [bash, "--noprofile", "--norc"]
        switch isolation {
        case .bubblewrap(let program):
            var view = view
            view.replacements = view.replacements.mapValues { _ in place.temporaryDirectory }
            view.readablePaths += repositories
            view.writableDirectories = [place.home, place.workspace]
            return ShellLaunch(
                command: [program, "--info-fd", "5"] + view.bubblewrapArguments + shell, environment: environment,
                records: place.records, directories: directories, containment: .namespace)
        case .none:
            return ShellLaunch(
                command: dyingWithParent + shell, environment: environment,
                records: place.records, directories: directories, containment: .marker(place.marker))
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
