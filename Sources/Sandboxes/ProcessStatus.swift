internal import Foundation
internal import SystemPackage

/// What the kernel says of a process (`proc_pid_stat(5)`).
struct ProcessStatus {
    private let process: pid_t
    /// Whether it has not ended; one that only waits for its parent to notice the end has.
    let isRunning: Bool
    let parent: pid_t
    let session: pid_t
    private let isKernelThread: Bool

    /// `nil` where there is no such process.
    init?(of process: pid_t) {
        guard let bytes = Self.read("/proc/\(process)/stat") else { return nil }
        // The name in parentheses may hold anything; the fields begin after the last parenthesis.
        guard let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 7)
            .map { String(decoding: $0, as: UTF8.self) }
        guard fields.count > 6, let parent = pid_t(fields[1]), let session = pid_t(fields[3]),
            let flags = UInt32(fields[6])
        else { return nil }
        self.process = process
        isRunning = fields[0] != "Z" && fields[0] != "X"
        self.parent = parent
        self.session = session
        isKernelThread = flags & Self.kernelThread != 0
    }

    /// `PF_KTHREAD` of the kernel's `sched.h`.
    private static let kernelThread: UInt32 = 0x0020_0000

    /// Whether the process was started with the marker in its environment.
    func bearsMarker(_ marker: ProcessMarker) -> Bool {
        let entry = Array("\(marker.variable)=\(marker.value)".utf8)
        return environment.split(separator: 0).contains { $0.elementsEqual(entry) }
    }

    /// The environment that the process was started with.
    ///
    /// A process that is in the middle of `execve(2)` shows none, and no arguments either. Where its processor is taken
    /// away from it there, that can last.
    private var environment: [UInt8] {
        func read() -> [UInt8] { Self.read("/proc/\(process)/environ") ?? [] }
        for _ in 0..<Self.mostWaits {
            let environment = read()
            if !environment.isEmpty || isKernelThread { return environment }
            let hidesArguments = Self.read("/proc/\(process)/cmdline")?.isEmpty == true
            guard hidesArguments, ProcessStatus(of: process)?.isRunning == true else { return read() }
            usleep(200)
        }
        return []
    }

    /// Half a second of waiting for one process; there are some that hide their arguments.
    private static let mostWaits = 2500

    private static func read(_ path: String) -> [UInt8]? {
        guard let file = try? FileDescriptor.open(path, .readOnly, options: .closeOnExec) else { return nil }
        return try? file.closeAfter {
            var bytes: [UInt8] = []
            while true {
                let part = try [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
                    count = try file.read(into: UnsafeMutableRawBufferPointer(buffer))
                }
                if part.isEmpty { return bytes }
                bytes += part
            }
        }
    }
}
