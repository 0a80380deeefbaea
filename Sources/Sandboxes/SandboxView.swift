/// What a bubblewrap sandbox sees of the host: everything read-only, except what is hidden and what is writable.
///
/// A value only; ``bubblewrapArguments`` reads nothing of the host, so that the caller decides what exists.
struct SandboxView: Sendable, Hashable {
    /// Directories that look empty.
    var hiddenDirectories: [String] = []
    /// Files that look empty, by the empty file `emptyFile`.
    var hiddenFiles: [String] = []
    var emptyFile = "/dev/null"
    /// What a hidden directory looks like in which nothing else is shown.
    var emptyDirectory = "/var/empty"
    /// Directories and files inside the hidden directories that stay readable.
    var readablePaths: [String] = []
    /// Directories that take the place of others, by the path of that place; writable.
    var replacements: [String: String] = [:]
    /// Files that take the place of others, by the path of that place; readable only.
    var replacedFiles: [String: String] = [:]
    /// Directories that are writable at their own place, also inside hidden ones.
    var writableDirectories: [String] = []
    /// Whether commands have the network of whoever starts bubblewrap, and not one without a way out.
    var hasNetwork = false
    /// Files and directories of `/proc` that the host's root owns and could write to, or read the host from. Inside, root
    /// may be the host's root by its number, and without a read-only mount `core_pattern` would be a way to run anything.
    var kernelSettings: [String] = []
    /// Whether descriptor 6 has a ``SystemCallFilter``.
    var hasFilter = false

    /// The arguments of `bwrap` up to the command to run.
    ///
    /// A later mount covers what earlier ones put at the same place, so the order is: the host, what hides parts of
    /// it, and what shows through.
    var bubblewrapArguments: [String] {
        var arguments = [
            "--unshare-user-try", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
            "--hostname", "sandbox", "--die-with-parent", "--new-session", "--cap-drop", "ALL",
            "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
        ]
        if !hasNetwork { arguments.append("--unshare-net") }
        if hasFilter { arguments += ["--seccomp", "6"] }
        for path in kernelSettings { arguments += ["--ro-bind", path, path] }
        // A file system of its own is dear to make and to take down, and needed only where places for mounts have to be
        // made in it.
        let shown = readablePaths + writableDirectories
        let places = hiddenDirectories.filter { directory in shown.contains { $0.isInside(directory) } }
        for directory in hiddenDirectories {
            arguments +=
                places.contains(directory) ? ["--tmpfs", directory] : ["--ro-bind", emptyDirectory, directory]
        }
        for (place, directory) in replacements { arguments += ["--bind", directory, place] }
        for file in hiddenFiles { arguments += ["--ro-bind", emptyFile, file] }
        for path in readablePaths { arguments += ["--ro-bind", path, path] }
        for (place, file) in replacedFiles { arguments += ["--ro-bind", file, place] }
        for directory in writableDirectories { arguments += ["--bind", directory, directory] }
        // Only now, because the mounts inside needed their places made.
        for directory in places { arguments += ["--remount-ro", directory] }
        return arguments
    }
}
