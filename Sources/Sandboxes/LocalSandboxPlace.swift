internal import Crypto
internal import Foundation

/// Where the files of one local sandbox are.
struct LocalSandboxPlace: Sendable {
    let workspace: String
    private let state: String

    init(root: String, id: String) {
        workspace = "\(root)/\(id)"
        state = "\(root)/.state/\(id)"
        groupName = "swe-agent-\(id)\(Self.groupSuffix(root: root))"
    }

    /// The end of the names of all groups of a service: two may have sandboxes of one id.
    static func groupSuffix(root: String) -> String {
        "-" + SHA256.hash(data: Data(root.utf8)).prefix(4).map { String($0, radix: 16) }.joined()
    }

    var home: String { "\(state)/home" }
    /// What commands see as `/tmp`.
    var temporaryDirectory: String { "\(state)/tmp" }
    /// The file of ``CommandRecords``.
    var records: String { "\(state)/commands" }
    /// What commands may write to.
    var directories: [String] { [workspace, home, temporaryDirectory] }
    /// What a task may fill, the file of records included.
    var filledDirectories: [String] { [workspace, state] }
    /// The name of the ``ControlGroup``.
    let groupName: String
    /// The same in every run of the service, so that one finds what another left.
    var marker: ProcessMarker { ProcessMarker(value: workspace) }

    /// There while processes of the sandbox may run, so that a service knows whether one before it was killed meanwhile.
    private var useMark: String { "\(state)/in-use" }

    /// Whether processes may have been left.
    var isInUse: Bool { access(useMark, F_OK) == 0 }

    /// Makes the directories, for processes to run in them until ``endUse()``.
    func beginUse() throws {
        do {
            for directory in [workspace, home, temporaryDirectory] {
                try FileManager.default.createDirectory(
                    atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            }
            try Data().write(to: URL(filePath: useMark))
        } catch {
            throw SandboxError(.failed, "The sandbox \(workspace) cannot be made: \(error.localizedDescription)")
        }
    }

    /// To be called when all processes are gone.
    func endUse() {
        unlink(useMark)
    }

    /// Removes all files, also those in directories that a command made unreadable, or deeper than a path can be long.
    func remove() async throws {
        for directory in [workspace, state] where FileManager.default.fileExists(atPath: directory) {
            if (try? FileManager.default.removeItem(atPath: directory)) != nil { continue }
            let removal = try await HostCommand(
                executable: "/bin/sh", arguments: ["-c", "chmod -R u+rwX -- \"$0\"; rm -rf -- \"$0\"", directory],
                environment: ["PATH": ProgramSearch.defaultPath], timeout: .seconds(600)
            ).run()
            guard removal.succeeded else {
                throw SandboxError(.failed, "\(directory) cannot be removed: \(removal.errorOutput.suffix(500))")
            }
        }
    }
}
