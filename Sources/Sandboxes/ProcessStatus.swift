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
    func bearsMarker(_ marker: ProcessMarker) -> Bool {
        let entry = Array("\(marker.variable)=\(marker.value)".utf8)
        let environment = Self.read("/proc/\(process)/environ") ?? []
        return environment.split(separator: 0).contains { $0.elementsEqual(entry) }
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
