internal import CConfinement
internal import Foundation

/// Landlock (landlock(7)) and seccomp, for machines where bubblewrap may not make namespaces: in most containers.
///
/// A process can put itself under these rules for good, and nobody else can. So the service starts its own program once more,
/// which does that and becomes the shell. Commands then share the host's processes, names and network interfaces, but
/// reach no file that no rule allows, no socket unless they have the network, and, since Linux 6.12, no process outside.
public enum LandlockLaunch {
    /// The first argument of a program that is started only to confine itself.
    public static let command = "confine-and-run"

    /// Since version 3 (Linux 6.2) all ways of writing to a file are refused; before, truncating was not.
    static let neededVersion: Int32 = 3

    /// Whether the kernel has what is needed.
    static var isSupported: Bool { confinement_landlock_version() >= neededVersion && SystemCallTable.native != nil }

    /// What a sandbox may reach.
    struct Rules: Sendable, Equatable {
        /// Hierarchies that are not even readable.
        var hidden: [String] = []
        /// Files and hierarchies that are readable although they lie in hidden ones.
        var readable: [String] = []
        var writable: [String] = []
        var hasNetwork = false

        var arguments: [String] {
            hidden.flatMap { ["--hide", $0] } + readable.flatMap { ["--read", $0] }
                + writable.flatMap { ["--write", $0] } + (hasNetwork ? ["--network"] : []) + ["--"]
        }

        /// - Returns: The rules, and the program with its arguments; `nil` where the arguments are not ours.
        static func read(_ arguments: ArraySlice<String>) -> (rules: Rules, program: [String])? {
            var rules = Rules()
            var rest = arguments
            while let word = rest.popFirst() {
                switch word {
                case "--hide": rules.hidden.append(rest.popFirst() ?? "/")
                case "--read": rules.readable += rest.popFirst().map { [$0] } ?? []
                case "--write": rules.writable += rest.popFirst().map { [$0] } ?? []
                case "--network": rules.hasNetwork = true
                case "--": return rest.isEmpty ? nil : (rules, Array(rest))
                default: return nil
                }
            }
            return nil
        }
    }

    /// Confines this process and becomes another program, if the arguments of the process ask for it.
    ///
    /// To be called as the first thing of a program that ``LocalSandboxSettings/confiningProgram`` names.
    ///
    /// - Returns: Where they do not.
    public static func becomeConfined(_ arguments: [String]) {
        guard arguments.count > 1, arguments[1] == command else { return }
        guard let (rules, program) = Rules.read(arguments.dropFirst(2)) else {
            ConfiningProgram.fail("this is for swe-agent's own use")
        }
        do {
            try confine(to: rules)
        } catch {
            ConfiningProgram.fail("the process cannot be confined: \(error)")
        }
        ConfiningProgram.become(program)
    }

    private static func confine(to rules: Rules) throws {
        let version = confinement_landlock_version()
        guard version >= neededVersion else { throw POSIXError(.ENOSYS) }
        let set = confinement_landlock_create(
            Access.all(version), version >= 4 && !rules.hasNetwork ? Access.tcp : 0, version >= 6 ? Access.scopes : 0)
        guard set >= 0 else { throw Self.error }
        let readable = Hierarchy.visible(hiding: rules.hidden) + rules.readable
        for path in readable { allow(path, Access.read, in: set) }
        for path in rules.writable { allow(path, Access.all(version), in: set) }
        // No terminals: those of other people would be among them.
        for path in ["null", "zero", "full", "random", "urandom"] {
            allow("/dev/\(path)", Access.read | Access.writeFile | (version >= 5 ? Access.ioctl : 0), in: set)
        }
        guard let filter = SystemCallFilter(sockets: rules.hasNetwork ? .usual : .none) else {
            throw POSIXError(.ENOSYS)
        }
        guard confinement_drop_privileges() == 0, confinement_landlock_restrict(set) == 0,
            confinement_filter(filter.bytes, UInt16(filter.count)) == 0
        else { throw Self.error }
        close(set)
    }

    private static var error: POSIXError { POSIXError(POSIXErrorCode(rawValue: errno) ?? .EPERM) }

    /// What is not there or cannot be opened needs no rule.
    private static func allow(_ path: String, _ accesses: UInt64, in set: Int32) {
        _ = confinement_landlock_allow(set, path, accesses, accesses & Access.ofFiles)
    }

    /// `LANDLOCK_ACCESS_FS_…`, `LANDLOCK_ACCESS_NET_…` and `LANDLOCK_SCOPE_…` of linux/landlock.h.
    private enum Access {
        static let execute: UInt64 = 1 << 0
        static let writeFile: UInt64 = 1 << 1
        static let readFile: UInt64 = 1 << 2
        static let readDirectory: UInt64 = 1 << 3
        static let truncate: UInt64 = 1 << 14
        static let ioctl: UInt64 = 1 << 15
        static let read = execute | readFile | readDirectory
        static let ofFiles = execute | writeFile | readFile | truncate | ioctl
        /// All of version 3, and ioctls on devices from 5 on.
        static func all(_ version: Int32) -> UInt64 { (1 << 15) - 1 | (version >= 5 ? ioctl : 0) }
        /// Binding and connecting.
        static let tcp: UInt64 = 0b11
        /// Abstract Unix sockets, signals.
        static let scopes: UInt64 = 0b11
    }
}

/// The tree of files, cut up around what is hidden.
enum Hierarchy {
    /// The largest hierarchies that hold nothing hidden. Rules only ever allow, so that what surrounds a hidden place cannot
    /// be listed.
    static func visible(in directory: String = "/", hiding hidden: [String]) -> [String] {
        if hidden.contains(directory) { return [] }
        guard hidden.contains(where: { $0.isInside(directory) }) else { return [directory] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.sorted().flatMap { name in
            visible(in: directory == "/" ? "/\(name)" : "\(directory)/\(name)", hiding: hidden)
        }
    }
}
