/// How the bash of a sandbox is started.
struct ShellLaunch: Sendable {
    /// bash with the programs before it that confine it.
    var command: [String]
    /// All variables of the sandbox.
    var environment: [String: String]
    /// The file that ``CommandRecords`` are written to.
    var records: String
    /// Where the shell starts: the first of these that exists in the sandbox.
    var directories: [String]
    var containment: Containment
    /// What the shell says to itself before anything else.
    var preparations: [String] = []
    /// The control group that the shell enters.
    var group = ControlGroup.Files()
    /// What programs bear that work for a namespace outside of it, and end with it.
    var helpers: ProcessMarker?
    /// The file with the ``SystemCallFilter`` for `bwrap --seccomp 6`.
    var filter: String?

    /// What holds the processes of the sandbox together, so that all of them can be killed.
    enum Containment: Sendable {
        /// A process namespace. Its first process is named on descriptor 5 by `bwrap --info-fd 5`.
        case namespace
        case marker(ProcessMarker)
    }

    /// The arguments of `/bin/sh` that move the descriptors to where ``ShellScript`` wants them and become ``command``.
    var arguments: [String] {
        let information =
            switch containment {
            case .namespace: " 5>&2"
            case .marker: ""
            }
        let filter = filter.map { " 6<\($0.shellQuoted)" } ?? ""
        // By a builtin, and before the namespaces that hide the groups.
        let enter = group.entrances.map { "echo 0 >\($0.shellQuoted) || exit 125; " }.joined()
        let become = "exec 3>>\"$0\" 4<&0 0</dev/null\(information)\(filter) \"$@\""
        return ["-c", enter + become, records] + command + ["/dev/fd/4"]
    }
}
