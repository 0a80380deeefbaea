internal import Foundation
internal import Synchronization

/// One pull of one commit of a model.
struct ModelPull: Sendable {
    let client: HubClient
    let cache: ModelCache
    let id: ModelID
    let commit: String
    /// All files of the repository.
    let files: Set<String>
    let onEvent: @Sendable (ModelHub.Event) -> Void

    private var paths: CachePaths { CachePaths(cache, id) }
    /// The folder of the commit's files.
    var folder: String { paths.snapshot(commit) }

    /// Fetches all that is missing; returns how many bytes came over the network.
    func run() async throws -> Int {
        for folder in [paths.blobs, folder, paths.locks] { try Self.makeFolder(folder) }
        let selection = try ModelFiles.select(from: files, of: id)
        var names = selection.files
        var received = 0
        if let index = selection.index {
            // Which weights there are is known when the index is here.
            if !isPresent(index) { received += try await fetch(try await client.file(index, of: id, commit: commit)) }
            guard let data = FileManager.default.contents(atPath: folder + "/" + index) else {
                throw ModelHubError("cannot read \(folder)/\(index)")
            }
            let shards = try ModelFiles.shards(index: data, named: index)
            if let missing = shards.first(where: { !files.contains($0) }) {
                throw ModelHubError("\(id) lacks \(missing), which its \(index) names")
            }
            names += shards
        }
        let missing = try await describe(names.filter { !isPresent($0) })
        let needed = missing.reduce(0) { $0 + $1.size }
        let present = names.filter(isPresent).reduce(0) { $0 + size(of: $1) }
        onEvent(.planned(files: names.count, bytes: needed + present, present: present))
        try checkSpace(for: missing)
        for file in missing { received += try await fetch(file) }
        return received
    }

    /// Lets a revision's name point to the commit.
    func point(_ revision: ModelRevision) throws(ModelHubError) {
        guard revision.description != commit else { return }
        let path = paths.ref(revision)
        try Self.makeFolder(URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false))
        do {
            try Data(commit.utf8).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw ModelHubError("cannot write \(path): \(error.localizedDescription)")
        }
    }

    private func isPresent(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: folder + "/" + name)
    }

    private func size(of name: String) -> Int {
        var status = stat()
        return stat(folder + "/" + name, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Asks the hub about files, some at once, and keeps their order.
    private func describe(_ names: [String]) async throws -> [RemoteFile] {
        try await withThrowingTaskGroup(of: (Int, RemoteFile).self) { group in
            var described: [RemoteFile?] = Array(repeating: nil, count: names.count)
            var next = 0
            func add() {
                guard next < names.count else { return }
                let index = next
                next += 1
                group.addTask { (index, try await client.file(names[index], of: id, commit: commit)) }
            }
            for _ in 0..<8 { add() }
            for try await (index, file) in group {
                described[index] = file
                add()
            }
            return described.compactMap { $0 }
        }
    }

    /// Says before the download what would be found in the middle of it.
    private func checkSpace(for files: [RemoteFile]) throws(ModelHubError) {
        // What lies in the way of a file counts for it.
        let needed = files.filter { !FileManager.default.fileExists(atPath: paths.blob($0.etag)) }
            .reduce(0) { sum, file in
                var status = stat()
                let there = stat(partialPath(file), &status) == 0 ? Int(status.st_blocks) * 512 : 0
                return sum.addingReportingOverflow(max(0, file.size - there)).partialValue
            }
        var status = statvfs()
        guard statvfs(paths.blobs, &status) == 0 else { return }
        let free = Int(
            clamping: UInt(status.f_bavail).multipliedReportingOverflow(by: UInt(status.f_frsize)).partialValue)
        guard needed <= free else {
            throw ModelHubError(
                "\(id) needs \(ByteCount(needed)), and the disk of \(cache.directory) has \(ByteCount(free)) left; make "
                    + "room, or set HF_HOME to another disk")
        }
    }

    private func partialPath(_ file: RemoteFile) -> String { paths.blob(file.etag) + ".partial" }

    /// Gets a file into its place; returns how many bytes came over the network.
    private func fetch(_ file: RemoteFile) async throws -> Int {
        let blob = paths.blob(file.etag)
        let lock = try await FileLock.wait(for: paths.lock(file.etag)) { onEvent(.waiting(file: file.name)) }
        defer { lock.release() }
        var received = 0
        if FileManager.default.fileExists(atPath: blob) {
            onEvent(.received(file: file.name, bytes: file.size, isResumed: true))
        } else {
            received = try await download(file, to: blob)
        }
        try link(file)
        onEvent(.finished(file: file.name, bytes: file.size))
        return received
    }

    private func download(_ file: RemoteFile, to blob: String) async throws -> Int {
        let partial = try PartialFile(path: partialPath(file), size: file.size)
        defer { partial.closeFiles() }
        let kept = file.size - partial.missing.reduce(0) { $0 + $1.count }
        if kept > 0 { onEvent(.received(file: file.name, bytes: kept, isResumed: true)) }
        let counter = ByteCounter()
        let download = FileDownload(client: client, id: id, commit: commit, file: file, partial: partial) { count in
            counter.add(count)
            onEvent(.received(file: file.name, bytes: count, isResumed: false))
        }
        try await download.run()
        if let checksum = Checksum(etag: file.etag) {
            onEvent(.checking(file: file.name))
            guard try checksum.matches(fileAt: partial.path, size: file.size) else {
                partial.discard()
                throw ModelHubError(
                    "\(file.name) of \(id) is not what the hub says it is (its checksum differs); pull it again")
            }
        }
        try partial.move(to: blob)
        return counter.count
    }

    /// Puts a relative link into the snapshot, in place of one that leads nowhere.
    private func link(_ file: RemoteFile) throws(ModelHubError) {
        let path = folder + "/" + file.name
        let temporary = folder + "/.\(UUID().uuidString)"
        guard symlink("../../blobs/" + file.etag, temporary) == 0 else { throw ModelHubError(writing: path) }
        guard rename(temporary, path) == 0 else {
            let error = ModelHubError(writing: path)
            unlink(temporary)
            throw error
        }
    }

    private static func makeFolder(_ path: String) throws(ModelHubError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw ModelHubError(
                "cannot make the folder \(path): \(error.localizedDescription); set HF_HOME to a folder that can be written"
            )
        }
    }
}

/// Counts what several tasks receive.
private final class ByteCounter: Sendable {
    private let value = Atomic(0)

    var count: Int { value.load(ordering: .relaxed) }
    func add(_ count: Int) { value.add(count, ordering: .relaxed) }
}
