internal import Foundation
internal import SystemPackage

/// What the kernel says of a process (`proc_pid_stat(5)`).
struct ProcessStatus {
    let process: pid_t
    /// Whether it has not ended; one that only waits for its parent to notice the end has.
    let isRunning: Bool
    let parent: pid_t
    let session: pid_t
    private let threadCount: Int

    /// `nil` where there is no such process.
    init?(of process: pid_t) {
        guard let bytes = Self.read("/proc/\(process)/stat") else { return nil }
        // The name in parentheses may hold anything; the fields begin after the last parenthesis.
        guard let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 18)
            .map { String(decoding: $0, as: UTF8.self) }
        guard fields.count > 17, let parent = pid_t(fields[1]), let session = pid_t(fields[3]),
            let threadCount = Int(fields[17])
        else { return nil }
        self.process = process
        isRunning = fields[0] != "Z" && fields[0] != "X"
        self.parent = parent
        self.session = session
        self.threadCount = threadCount
    }

    /// Whether the process was started with the marker in its environment; `nil` while it is becoming another program.
    func bearsMarker(_ marker: ProcessMarker) -> Bool? {
        let entry = Array("\(marker.variable)=\(marker.value)".utf8)
        // Few have no environment at all; one that seems so may have begun another program between two looks.
        for _ in 0..<5 {
            guard let program = Self.program(of: "\(process)"), process != getpid() else { return false }
            if isBecomingAnother(than: program) { return nil }
            let environment = Self.read("/proc/\(process)/environ") ?? []
            if !environment.isEmpty {
                return environment.split(separator: 0).contains { $0.elementsEqual(entry) }
            }
        }
        return false
    }

    /// Whether it is becoming another program, which takes a moment, and longer under load. At first it is a copy of the
    /// program that starts it, with one thread: of a service that was killed meanwhile, say. Then it has neither arguments
    /// nor environment, but a file that it executes, which the kernel's own threads have not.
    private func isBecomingAnother(than program: String) -> Bool {
        let arguments = Self.read("/proc/\(process)/cmdline")
        guard let now = ProcessStatus(of: process), now.isRunning else { return false }
        if arguments?.isEmpty == true { return true }
        // What this very process starts is not what another left.
        return now.threadCount == 1 && now.parent != getpid() && program == Self.program(of: "self")
    }

    /// The file that a process executes; `nil` for another user's and for the kernel's own.
    private static func program(of process: String) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/exe")
    }

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
