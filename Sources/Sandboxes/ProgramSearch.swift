internal import Foundation

/// Finds programs as a shell does.
struct ProgramSearch: Sendable {
    static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// The value of `PATH`.
    var path: String

    /// The absolute directories of the path, in order.
    var directories: [String] {
        path.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
    }

    /// The path of a program, or `nil` where no directory has it.
    func find(_ name: String) -> String? {
        directories.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
