import Foundation

/// The program `swe-agent` as it was built with the tests.
public enum BuiltProgram {
    /// The binary beside the one that the tests are in; `TESTED_PROGRAM` names another, such as one that was built for
    /// release.
    public static let path = ProcessInfo.processInfo.environment["TESTED_PROGRAM"] ?? product("swe-agent")

    /// What else was built.
    public static func product(_ name: String) -> String { folder.appending(path: name).path() }

    private static let folder: URL = {
        let tests =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
            ?? CommandLine.arguments[0]
        var folder = URL(filePath: tests).deletingLastPathComponent()
        while !FileManager.default.isExecutableFile(atPath: folder.appending(path: "swe-agent").path()),
            folder.path() != "/"
        {
            folder.deleteLastPathComponent()
        }
        return folder
    }()
}
