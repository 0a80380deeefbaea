internal import Foundation

extension SandboxView {
    /// Looks at the host for what has to be hidden from every sandbox, and for what must show through.
    ///
    /// - Parameters:
    ///   - root: The directory with the workspaces of all tasks.
    ///   - emptyFile: What hidden files look like.
    ///   - emptyDirectory: What hidden directories look like.
    static func host(
        settings: LocalSandboxSettings, environment: [String: String], root: String, emptyFile: String,
        emptyDirectory: String
    ) -> SandboxView {
        let current = FileManager.default.currentDirectoryPath
        var candidates = ["/root", "/home", "/run", "/mnt", "/media", "/srv", "/boot", "/etc/ssh", "/etc/sudoers.d"]
        candidates += ["/etc/ssl/private", "/etc/kubernetes", "/var/lib/docker", "/var/lib/kubelet", "/var/spool/cron"]
        candidates += [environment["HOME"] ?? "", current].filter { !holdsSystem($0) }
        candidates += settings.hiddenDirectories + [root]
        let replaced = ["/tmp", "/var/tmp"].filter(isDirectory)

        // A directory inside a hidden one needs no hiding of its own; the sort puts the outer one first.
        var hidden: [String] = []
        for directory in candidates.filter(isDirectory).map(realPath).sorted()
        where !(hidden + replaced).contains(where: { directory.isInside($0) }) {
            hidden.append(directory)
        }

        var secretFiles = ["/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers"]
        secretFiles += ["/etc/krb5.keytab", "/.env", current + "/.env"]
        var view = SandboxView(hasNetwork: settings.hasNetwork)
        view.hiddenDirectories = hidden
        view.replacements = Dictionary(uniqueKeysWithValues: replaced.map { ($0, "") })
        view.hiddenFiles = Set(secretFiles.filter(FileManager.default.fileExists).map(realPath))
            .filter { file in !(hidden + replaced).contains { file.isInside($0) } }.sorted()
        view.kernelSettings = ["sys", "sysrq-trigger", "fs", "scsi", "acpi", "mtrr"].map { "/proc/\($0)" }
            .filter(FileManager.default.fileExists)
        view.emptyFile = emptyFile
        view.emptyDirectory = emptyDirectory

        let neverShown = (settings.hiddenDirectories + [root]).map(realPath)
        let search = ProgramSearch(path: environment["PATH"] ?? "")
        // The system's resolver may keep its file where sockets of services are, which are hidden.
        let shown = search.directories.map(installation) + ["/etc/resolv.conf"]
        let readable = Set(
            shown.map(realPath).filter { path in !neverShown.contains { path.isInside($0) } }
                + settings.readablePaths.map(realPath)
        )
        .filter { path in FileManager.default.fileExists(atPath: path) && hidden.contains { path.isInside($0) } }
        .subtracting(hidden)
        // What lies in a readable directory is readable with it.
        view.readablePaths = readable.filter { path in !readable.contains { $0 != path && path.isInside($0) } }.sorted()
        return view
    }

    /// What has to be readable for the programs of a directory of `PATH` to work: the installation it belongs to, such
    /// as `~/.pyenv` for `~/.pyenv/shims`, but never a home, a project or a directory that programs share with secrets.
    private static func installation(of directory: String) -> String {
        let prefix = (directory as NSString).deletingLastPathComponent
        let name = (prefix as NSString).lastPathComponent
        // Version managers such as ~/.pyenv are git checkouts themselves; other checkouts are somebody's work.
        let marks = name.hasPrefix(".") ? [".env", ".ssh"] : [".git", ".env", ".ssh", ".bashrc", ".profile"]
        let isShared =
            [".local", ".cargo", ".config"].contains(name)
            || marks.contains { FileManager.default.fileExists(atPath: "\(prefix)/\($0)") }
            || (prefix as NSString).deletingLastPathComponent == "/home" || prefix == "/root"
        return isShared ? directory : prefix
    }

    /// Whether hiding a directory would hide the system itself.
    private static func holdsSystem(_ directory: String) -> Bool {
        let system = [
            "/usr/bin", "/usr/lib", "/usr/local/bin", "/bin", "/lib", "/etc", "/dev", "/proc", "/sys", "/tmp",
        ]
        return directory.isEmpty || system.contains { $0.isInside(realPath(directory)) }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }

    private static func realPath(_ path: String) -> String {
        HostPath.real(path)
    }
}

extension String {
    /// Whether this path is the directory or in it; both absolute and without links.
    func isInside(_ directory: String) -> Bool {
        self == directory || directory == "/" || hasPrefix(directory + "/")
    }
}
