import Testing

/// A way out of a sandbox, as a script that says so where it works.
struct Escape: Sendable, CustomTestStringConvertible {
    let name: String
    /// What it needs beyond the rights of the service to work without a sandbox.
    var needs: Need?
    /// Whether Landlock, which knows no right for it, leaves it open; docs/security.md says so.
    var isOpenUnderLandlock = false
    let script: @Sendable (EscapeTargets) -> String

    var testDescription: String { name }

    /// What a script prints, in two parts so that the script itself does not hold it.
    static let success = "ESCAPED-" + "INDEED"
    /// The beginning of every script.
    static let prelude = #"""
        escaped() { printf '%s-%s\n' ESCAPED INDEED; }

        """#

    enum Need: Sendable {
        case root
        /// Without a sandbox it would harm the machine, or shows nothing there.
        case sandbox
    }

    static func python(_ body: String) -> String {
        "python3 - <<'END-OF-PYTHON'\nimport ctypes, os, socket, sys\nlibc = ctypes.CDLL(None, use_errno=True)\n"
            + "def escaped(): print('ESCAPED' + '-INDEED', flush=True)\n" + body + "\nEND-OF-PYTHON"
    }
}

/// What there is outside of a sandbox to reach for.
struct EscapeTargets: Sendable {
    /// A folder of the host beside the workspaces, with the file `outside`.
    var directory: String
    /// A folder that sandboxes must not see, with the file `secret`.
    var data: String
    /// The workspace of another task, with the file `file`.
    var neighbour: String
    /// A process of the host with ``word`` in its environment and the file `secret` open.
    var process: Int32
    /// A TCP port of 127.0.0.1 that is listened on, and an abstract socket.
    var port: Int
    var abstractSocket: String
    /// A terminal of the host.
    var terminal: String
    /// What `secret` holds.
    var word: String
}

extension Escape {
    static let files: [Escape] = [
        Escape(name: "read the data directory") { "cat '\($0.data)/secret' && escaped" },
        Escape(name: "read through a link") { "ln -s '\($0.data)/secret' l && cat l && escaped" },
        Escape(name: "read through a link in a directory of the path") {
            "ln -s '\($0.data)' d && cat d/secret && escaped"
        },
        Escape(name: "write through a link") { "ln -s '\($0.directory)/outside' l && echo x 2>&1 >>l && escaped" },
        Escape(name: "write through a hard link") {
            "ln '\($0.directory)/outside' h && echo x >>h && escaped"
        },
        Escape(name: "write through ..") { _ in "echo x >../../new-file && escaped" },
        Escape(name: "rename out of the workspace") { _ in "echo x >f && mv f ../../moved && escaped" },
        Escape(name: "change the mode of a file outside", isOpenUnderLandlock: true) {
            "chmod 777 '\($0.directory)/outside' && escaped"
        },
        Escape(name: "truncate a file outside") {
            python("try:\n os.truncate('\($0.directory)/outside', 0); escaped()\nexcept OSError: pass")
        },
        Escape(name: "read a neighbour's file") { "cat '\($0.neighbour)/file' && escaped" },
        Escape(name: "write a neighbour's file") { "echo x >>'\($0.neighbour)/file' && escaped" },
        Escape(name: "read a directory of the host through a socket pair's descriptor") {
            python(
                "try:\n f = os.open('/proc/self/root\($0.data)/secret', os.O_RDONLY); escaped()\nexcept OSError: pass")
        },
    ]

    static let processes: [Escape] = [
        Escape(name: "read a process's environment") {
            "tr '\\0' '\\n' <'/proc/\($0.process)/environ' | grep -q '^CANARY=' && escaped"
        },
        Escape(name: "read any process's environment") {
            let halves = ($0.word.prefix(8), $0.word.dropFirst(8))
            return "for e in /proc/[0-9]*/environ; do "
                + "tr '\\0' '\\n' <$e 2>/dev/null | grep -q '^CANARY=\(halves.0)''\(halves.1)' && escaped; done"
        },
        Escape(name: "read through a process's root") { "cat '/proc/\($0.process)/root\($0.data)/secret' && escaped" },
        Escape(name: "read through a process's working directory") {
            "cat '/proc/\($0.process)/cwd/secret' && escaped"
        },
        Escape(name: "read through a process's descriptor") { "cat '/proc/\($0.process)/fd/0' && escaped" },
        Escape(name: "trace a process") {
            python("if libc.ptrace(0x4206, \($0.process), 0, 0) == 0: escaped()")
        },
        Escape(name: "read a process's memory") {
            python("try:\n open('/proc/\($0.process)/mem', 'rb'); escaped()\nexcept OSError: pass")
        },
        Escape(name: "signal a process") { "kill -0 \($0.process) && escaped" },
        Escape(name: "signal a process by a descriptor") {
            python(
                "try:\n import signal; signal.pidfd_send_signal(os.pidfd_open(\($0.process)), 0); escaped()\n"
                    + "except OSError: pass")
        },
        Escape(name: "gain rights by a setuid program") { _ in "grep -q 'NoNewPrivs:.0' /proc/self/status && escaped" },
        Escape(name: "type into a terminal") { _ in
            python(
                """
                import fcntl, pty, termios
                master, slave = pty.openpty()
                if os.fork() == 0:
                    os.setsid()
                    try:
                        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
                        fcntl.ioctl(slave, termios.TIOCSTI, b'x'); escaped()
                    except OSError: pass
                    os._exit(0)
                os.wait()
                """)
        },
        Escape(name: "write to a terminal") { "echo x >'\($0.terminal)' && escaped" },
        Escape(name: "write to the controlling terminal", needs: .sandbox) { _ in "echo x >/dev/tty && escaped" },
    ]

    static let network: [Escape] = [
        Escape(name: "connect to a service on loopback") { "(: <>/dev/tcp/127.0.0.1/\($0.port)) && escaped" },
        Escape(name: "connect to the host's loopback through the way out", needs: .sandbox) {
            "for host in 10.0.2.1 10.0.2.2 10.0.2.3 10.0.2.255 0.0.0.0; do (: <>/dev/tcp/$host/\($0.port)) && escaped; done"
        },
        Escape(name: "connect to an abstract socket") {
            python(
                "try:\n socket.socket(socket.AF_UNIX).connect('\\0\($0.abstractSocket)'); escaped()\n"
                    + "except OSError: pass")
        },
        Escape(name: "reach the hypervisor by vsock", needs: .sandbox) { _ in
            python("try:\n socket.socket(socket.AF_VSOCK); escaped()\nexcept OSError: pass")
        },
        Escape(name: "send a datagram to the metadata service", needs: .sandbox) { _ in
            python(
                "try:\n socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('169.254.169.254', 80)); escaped()\n"
                    + "except OSError: pass")
        },
    ]

    static let kernel: [Escape] = [
        Escape(name: "change a setting of the kernel", needs: .root) { _ in
            "v=$(cat /proc/sys/kernel/core_pattern) && echo \"$v\" >/proc/sys/kernel/core_pattern && escaped"
        },
        Escape(name: "make a user namespace") { _ in
            "unshare --user --map-root-user true && escaped"
        },
        Escape(name: "mount") { _ in "unshare --user --map-root-user --mount mount -t tmpfs none /mnt && escaped" },
        Escape(name: "make a namespace by clone") { _ in
            // CLONE_NEWUSER | SIGCHLD; the new process has nothing to do.
            python(
                """
                import platform
                number = {'x86_64': 56, 'aarch64': 220}[platform.machine()]
                child = libc.syscall(number, 0x10000000 | 17, 0, 0, 0, 0)
                if child == 0: os._exit(0)
                if child > 0: escaped()
                """)
        },
        Escape(name: "use the kernel's keys") { _ in
            python(
                """
                import platform
                number = {'x86_64': 248, 'aarch64': 217}[platform.machine()]
                if libc.syscall(number, b'user', b'swe-agent-test', b'x', 1, -1) > 0: escaped()
                """)
        },
        Escape(name: "use io_uring") { _ in
            python(
                """
                libc.syscall(425, 1, 0)
                if ctypes.get_errno() not in (1, 38): escaped()
                """)
        },
        Escape(name: "load a program into the kernel", needs: .root) { _ in
            python(
                """
                import platform
                number = {'x86_64': 321, 'aarch64': 280}[platform.machine()]
                libc.syscall(number, 0, 0, 0)
                if ctypes.get_errno() != 1: escaped()
                """)
        },
        Escape(name: "call by the numbers of another architecture", needs: .sandbox) { _ in
            // x32's getpid; on other processors there is no such number.
            python("if libc.syscall(0x40000000 + 39) > 0: escaped()")
        },
    ]

    static let all = files + processes + network + kernel
}
