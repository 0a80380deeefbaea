/// The numbers of the system calls that ``SystemCallFilter`` looks at (asm/unistd_64.h, asm-generic/unistd.h).
struct SystemCallTable: Sendable {
    /// `AUDIT_ARCH_…` of linux/audit.h.
    var architecture: UInt32
    /// Numbers from here on belong to another calling convention.
    var foreignNumbers: UInt32?
    var clone: UInt32
    var unshare: UInt32
    var ioctl: UInt32
    var socket: UInt32
    /// Those that have other numbers on each architecture.
    private var own: [UInt32]

    /// What a filter cannot look into, because the arguments are in memory, or what goes past filters; libraries fall back.
    let unimplemented: [UInt32] = [
        435,  // clone3
        425, 426, 427,  // io_uring_setup, io_uring_enter, io_uring_register
    ]

    var refused: [UInt32] { own + Self.common }

    /// Since Linux 5.1 new calls have one number everywhere.
    private static let common: [UInt32] = [
        428, 429, 430, 431, 432, 433,  // open_tree, move_mount, fsopen, fsconfig, fsmount, fspick
        438,  // pidfd_getfd
        442,  // mount_setattr
        443,  // quotactl_fd
        447,  // memfd_secret
        467,  // open_tree_attr
    ]

    /// `CLONE_NEWNS`, `…CGROUP`, `…UTS`, `…IPC`, `…USER`, `…PID` and `…NET` of linux/sched.h.
    static let newNamespaces: UInt32 = 0x7e02_0000
    /// `TIOCSTI` and `TIOCLINUX`: typing for the person at the terminal.
    static let terminalInputRequests: [UInt32] = [0x5412, 0x541c]
    /// `AF_UNIX`, `AF_INET`, `AF_INET6` and `AF_NETLINK`.
    static let usualSocketFamilies: [UInt32] = [1, 2, 10, 16]

    static let native: SystemCallTable? = {
        #if os(Linux) && arch(x86_64)
        .x86
        #elseif os(Linux) && arch(arm64)
        .arm
        #else
        nil
        #endif
    }()

    static let x86 = SystemCallTable(
        architecture: 0xc000_003e, foreignNumbers: 0x4000_0000, clone: 56, unshare: 272, ioctl: 16, socket: 41,
        own: [
            165, 166, 155, 308,  // mount, umount2, pivot_root, setns
            248, 249, 250,  // add_key, request_key, keyctl
            321, 298, 323,  // bpf, perf_event_open, userfaultfd
            246, 320, 175, 313, 176,  // kexec_load, kexec_file_load, init_module, finit_module, delete_module
            304, 300, 312,  // open_by_handle_at, fanotify_init, kcmp
            167, 168, 169, 164, 227,  // swapon, swapoff, reboot, settimeofday, clock_settime
            163, 179, 103, 153,  // acct, quotactl, syslog, vhangup
            279, 256, 212,  // move_pages, migrate_pages, lookup_dcookie
            172, 173, 154, 134,  // iopl, ioperm, modify_ldt, uselib
        ])

    static let arm = SystemCallTable(
        architecture: 0xc000_00b7, foreignNumbers: nil, clone: 220, unshare: 97, ioctl: 29, socket: 198,
        own: [
            40, 39, 41, 268,  // mount, umount2, pivot_root, setns
            217, 218, 219,  // add_key, request_key, keyctl
            280, 241, 282,  // bpf, perf_event_open, userfaultfd
            104, 294, 105, 273, 106,  // kexec_load, kexec_file_load, init_module, finit_module, delete_module
            265, 262, 272,  // open_by_handle_at, fanotify_init, kcmp
            224, 225, 142, 170, 112,  // swapon, swapoff, reboot, settimeofday, clock_settime
            89, 60, 116, 58,  // acct, quotactl, syslog, vhangup
            239, 238, 18,  // move_pages, migrate_pages, lookup_dcookie
        ])
}
