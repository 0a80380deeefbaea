internal import Foundation

/// Ends the processes of a sandbox whose files have grown past a limit, as ordinary file systems count no one's share.
struct DiskWatch: Sendable {
    let directories: [String]
    /// Bytes.
    let limit: Int
    /// Those that may hold files open which have been removed.
    let processes: ProcessSweep

    private static let interval = Duration.seconds(1)

    /// Watches until the calling task is cancelled.
    ///
    /// Counting the files is dear; asking how much room is left is not. So they are counted only when so much has gone that
    /// the sandbox may have used it.
    func run(on sandbox: LocalSandbox) async {
        var known = 0
        var freeWhenKnown = freeBytes
        while (try? await Task.sleep(for: Self.interval)) != nil {
            guard let free = freeBytes, let before = freeWhenKnown else { continue }
            let mayHaveGrownBy = max(before - free, 0)
            // Often enough that little is missed where others free room meanwhile.
            guard known + mayHaveGrownBy > limit || mayHaveGrownBy > limit / 8 else { continue }
            guard var used = await usedBytes else { continue }
            // What is over the limit stays, so that the task can clean up; growing further it cannot.
            if used > limit, used > known {
                await sandbox.endProcesses(
                    because:
                        "the files of this task take \(used >> 20) MiB and may take \(limit >> 20) MiB: remove some")
                // What was written until they had ended is not what the next command writes.
                used = await usedBytes ?? used
            }
            (known, freeWhenKnown) = (used, freeBytes)
        }
    }

    private var usedBytes: Int? {
        get async {
            guard let named = await DiskUse.bytes(of: directories) else { return nil }
            return named + directories.prefix(1).map { processes.bytesOfRemovedFiles(onDiskOf: $0) }.reduce(0, +)
        }
    }

    private var freeBytes: Int? {
        var status = statvfs()
        guard let directory = directories.first, statvfs(directory, &status) == 0 else { return nil }
        return Int(clamping: UInt64(status.f_bfree)) * Int(clamping: UInt64(status.f_frsize))
    }
}
