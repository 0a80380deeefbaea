import Foundation

/// The program `swe-agent` as it was built with the tests.
public enum BuiltProgram {
    /// The binary beside the one that the tests are in.
    public static let path: String = {
        let tests =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
            ?? CommandLine.arguments[0]
        var folder = URL(filePath: tests).deletingLastPathComponent()
        while !FileManager.default.isExecutableFile(atPath: folder.appending(path: "swe-agent").path()),
            folder.path() != "/"
        {
            folder.deleteLastPathComponent()
        }
        return folder.appending(path: "swe-agent").path()
    }()
}
