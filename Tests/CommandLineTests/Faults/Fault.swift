import Foundation
import TestSupport

/// What ends a life of the service, or makes it hard.
enum Fault: Sendable, Hashable, CustomStringConvertible {
    /// See `Tests/DiskFaults/include/DiskFaults.h`.
    enum Disk: String, Sendable, CaseIterable { case before, after, power, torn, full, brief, readonly, error }

    /// A fault of the disk; the number is the sync, or the bytes, it comes at.
    case disk(Disk, Int)
    /// SIGKILL when the model gets its nth request, before it answers.
    case modelCall(Int)
    /// SIGKILL when git's server is asked for something whose path holds the text, before or after it is done.
    case git(String, isDone: Bool)

    var description: String {
        switch self {
        case .disk(let fault, let number): "\(fault.rawValue):\(number)"
        case .modelCall(let number): "model:\(number)"
        case .git(let path, let isDone): "git:\(path):\(isDone ? "done" : "asked")"
        }
    }

    /// Whether what was not synced is lost.
    var losesPower: Bool {
        switch self {
        case .disk(.power, _), .disk(.torn, _): true
        case .disk, .modelCall, .git: false
        }
    }

    /// The variables that a service is started with for it to happen.
    var variables: [String: String] {
        guard case .disk = self else { return [:] }
        return ["DISK_FAULT": description, "LD_PRELOAD": Self.library]
    }

    /// The library of `Tests/DiskFaults`.
    private static let library = BuiltProgram.product("libDiskFaults.so")
}
