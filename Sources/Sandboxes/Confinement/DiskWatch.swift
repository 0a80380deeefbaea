internal import Foundation

/// Ends the processes of a sandbox whose files have grown past a limit, as ordinary file systems count no one's share.
struct DiskWatch: Sendable {
    let directories: [String]
    /// Bytes.
    let limit: Int

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
            let used = usedBytes
            // What is over the limit stays, so that the task can clean up; growing further it cannot.
            if used > limit, used > known {
                await sandbox.endProcesses(
                    because:
                        "the files of this task take \(used >> 20) MiB and may take \(limit >> 20) MiB: remove some")
            }
            (known, freeWhenKnown) = (used, freeBytes)
        }
    }

    private var freeBytes: Int? {
        var status = statvfs()
        guard let directory = directories.first, statvfs(directory, &status) == 0 else { return nil }
        return Int(clamping: UInt64(status.f_bfree)) * Int(clamping: UInt64(status.f_frsize))
    }

    /// What the files take on the disk, those that cannot be looked at left out.
    private var usedBytes: Int {
        var used = 0
        for directory in directories {
            let walk = FileManager.default.enumerator(atPath: directory)
            while let path = walk?.nextObject() as? String, !Task.isCancelled {
                var status = stat()
                if lstat("\(directory)/\(path)", &status) == 0 { used += Int(status.st_blocks) * 512 }
            }
        }
        return used
    }
}
