internal import Foundation
internal import SystemPackage

/// What the kernel says of a process (`proc_pid_stat(5)`).
struct ProcessStatus {
    private let process: pid_t
    /// Whether it has not ended; one that only waits for its parent to notice the end has.
    let isRunning: Bool
    let parent: pid_t
    let session: pid_t

    /// `nil` where there is no such process.
    init?(of process: pid_t) {
        guard let bytes = Self.read("/proc/\(process)/stat") else { return nil }
        // The name in parentheses may hold anything; the fields begin after the last parenthesis.
        guard let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 4)
            .map { String(decoding: $0, as: UTF8.self) }
        guard fields.count > 3, let parent = pid_t(fields[1]), let session = pid_t(fields[3]) else { return nil }
        self.process = process
        isRunning = fields[0] != "Z" && fields[0] != "X"
        self.parent = parent
        self.session = session
    }

    /// Whether the process was started with the marker in its environment.
    ///
    /// - Parameter deadline: Until when one waits for the environment of a process that is becoming another program.
    func bearsMarker(_ marker: ProcessMarker, waitingUntil deadline: ContinuousClock.Instant) -> Bool {
        let entry = Array("\(marker.variable)=\(marker.value)".utf8)
        var environment = environment
        while environment.isEmpty, isBetweenPrograms, .now < deadline {
            // A cancelled task cannot sleep; the thread waits.
            usleep(500)
            environment = self.environment
        }
        // It may have become one between the two looks.
        if environment.isEmpty { environment = self.environment }
        return environment.split(separator: 0).contains { $0.elementsEqual(entry) }
    }

    private var environment: [UInt8] { Self.read("/proc/\(process)/environ") ?? [] }

    /// Whether it is becoming another program: for a moment, longer under load, it has neither arguments nor environment, but a
    /// file that it executes, which the kernel's own threads have not.
    private var isBetweenPrograms: Bool {
        Self.read("/proc/\(process)/cmdline")?.isEmpty == true
            && (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/exe")) != nil
            && ProcessStatus(of: process)?.isRunning == true
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
