/// What files take on the disk.
public enum DiskUse {
    /// Counts all files below some directories as du(1) does, which takes names of any bytes and directories of any depth.
    /// What may not be read is left out.
    ///
    /// - Returns: Bytes; `nil` where they could not be counted in a minute.
    public static func bytes(of directories: [String]) async -> Int? {
        let outcome = try? await HostCommand(
            executable: "du", arguments: ["-skx", "--"] + directories,
            environment: ["PATH": ProgramSearch.defaultPath, "LC_ALL": "C"]
        ).run()
        guard let outcome, !outcome.timedOut else { return nil }
        let kilobytes = outcome.output.split(separator: "\n").compactMap { Int($0.prefix { $0.isNumber }) }
        return kilobytes.isEmpty ? nil : kilobytes.reduce(0, +) * 1024
    }
}
