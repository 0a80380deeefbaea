/// Which system calls the processes of a sandbox may make, as a program for the kernel's seccomp (seccomp(2)).
///
/// It refuses what no build or test needs and what ways out of a sandbox have been made of: new namespaces, mounts, keys of
/// the kernel, typing into a terminal, the insides of other subsystems. All other calls pass without running the program,
/// as the kernel remembers which it always allows.
struct SystemCallFilter: Sendable {
    /// Which sockets commands may make.
    enum Sockets: Sendable {
        /// Unix, Internet and netlink; never vsock, which reaches the hypervisor past all network namespaces.
        case usual
        /// None. For sandboxes without a network namespace.
        case none
    }

    /// `struct sock_filter` of each instruction, one after the other, in the machine's byte order.
    let bytes: [UInt8]
    /// The number of instructions.
    var count: Int { bytes.count / Self.instructionSize }

    private static let instructionSize = 8

    /// - Returns: `nil` on processors whose system calls are not known here.
    init?(sockets: Sockets, architecture: SystemCallTable? = .native) {
        guard let table = architecture else { return nil }
        var program = Program()
        // Calls of another architecture have other numbers: none of them passes.
        program.load(.architecture)
        program.skip(1, ifEqual: table.architecture)
        program.refuse(with: .notImplemented)
        program.load(.number)
        if let limit = table.foreignNumbers {
            program.skip(1, ifBelow: limit)
            program.refuse(with: .notImplemented)
        }
        for number in table.unimplemented { program.refuse(number, with: .notImplemented) }
        for number in table.refused { program.refuse(number, with: .notPermitted) }
        for number in [table.clone, table.unshare] {
            program.when(number) {
                $0.load(.firstArgument)
                $0.skip(1, unlessAnyBitOf: SystemCallTable.newNamespaces)
                $0.refuse(with: .notPermitted)
            }
        }
        program.when(table.ioctl) {
            $0.load(.secondArgument)
            for request in SystemCallTable.terminalInputRequests {
                $0.skip(1, ifNotEqual: request)
                $0.refuse(with: .notPermitted)
            }
        }
        switch sockets {
        case .none: program.refuse(table.socket, with: .notPermitted)
        case .usual:
            program.when(table.socket) {
                $0.load(.firstArgument)
                for family in SystemCallTable.usualSocketFamilies {
                    $0.skip(1, ifNotEqual: family)
                    $0.allow()
                }
                $0.refuse(with: .notPermitted)
            }
        }
        program.allow()
        bytes = program.instructions.flatMap(\.bytes)
    }
}

/// The instructions of classic BPF that the filter needs (linux/filter.h, linux/bpf_common.h).
private struct Program {
    struct Instruction {
        var code: UInt16
        var ifTrue: UInt8 = 0
        var ifFalse: UInt8 = 0
        var operand: UInt32

        var bytes: [UInt8] {
            withUnsafeBytes(of: code) { Array($0) } + [ifTrue, ifFalse] + withUnsafeBytes(of: operand) { Array($0) }
        }
    }

    /// Where things are in `struct seccomp_data`. Arguments are looked at in their low 32 bits, which is what the kernel uses
    /// of flags, requests and families; both processors store those first.
    enum Field: UInt32 {
        case number = 0
        case architecture = 4
        case firstArgument = 16
        case secondArgument = 24
    }

    enum Refusal: UInt32 {
        /// `EPERM`
        case notPermitted = 1
        /// `ENOSYS`, which has callers fall back to what older kernels have.
        case notImplemented = 38
    }

    private(set) var instructions: [Instruction] = []

    private mutating func add(_ code: UInt16, _ operand: UInt32, ifTrue: UInt8 = 0, ifFalse: UInt8 = 0) {
        instructions.append(Instruction(code: code, ifTrue: ifTrue, ifFalse: ifFalse, operand: operand))
    }

    /// `BPF_LD | BPF_W | BPF_ABS`
    mutating func load(_ field: Field) { add(0x20, field.rawValue) }
    /// `BPF_RET` with `SECCOMP_RET_ALLOW`
    mutating func allow() { add(0x06, 0x7fff_0000) }
    /// `BPF_RET` with `SECCOMP_RET_ERRNO`
    mutating func refuse(with refusal: Refusal) { add(0x06, 0x0005_0000 | refusal.rawValue) }
    /// `BPF_JMP | BPF_JEQ`
    mutating func skip(_ count: UInt8, ifEqual value: UInt32) { add(0x15, value, ifTrue: count) }
    mutating func skip(_ count: UInt8, ifNotEqual value: UInt32) { add(0x15, value, ifFalse: count) }
    /// `BPF_JMP | BPF_JGE`
    mutating func skip(_ count: UInt8, ifBelow value: UInt32) { add(0x35, value, ifFalse: count) }
    /// `BPF_JMP | BPF_JSET`
    mutating func skip(_ count: UInt8, unlessAnyBitOf value: UInt32) { add(0x45, value, ifFalse: count) }

    mutating func refuse(_ number: UInt32, with refusal: Refusal) {
        skip(1, ifNotEqual: number)
        refuse(with: refusal)
    }

    /// For one system call, which passes where the body does not refuse it.
    mutating func when(_ number: UInt32, _ body: (inout Program) -> Void) {
        var part = Program()
        body(&part)
        part.allow()
        skip(UInt8(part.instructions.count), ifNotEqual: number)
        instructions += part.instructions
    }
}
