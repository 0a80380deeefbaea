internal import Foundation

extension ModelCache {
    /// A model on this machine.
    public struct Entry: Sendable, Hashable {
        public var id: ModelID
        /// Bytes on disk, of all revisions together.
        public var size: Int
        /// The revisions by their names, and the commits that have none.
        public var revisions: [String]
        /// Whether everything that is needed to run its main revision, or else one of them, is there.
        public var isComplete: Bool
        public var path: String
    }

    /// All models, by their names.
    public func entries() -> [Entry] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.compactMap(ModelID.init(folderName:)).map(entry).sorted { $0.id.description < $1.id.description }
    }

    private func entry(_ id: ModelID) -> Entry {
        let paths = CachePaths(self, id)
        let commits = (try? FileManager.default.contentsOfDirectory(atPath: paths.root + "/snapshots")) ?? []
        let refs = FileManager.default.enumerator(atPath: paths.root + "/refs")?.compactMap { $0 as? String } ?? []
        var names: [String] = []
        var named: Set<String> = []
        for ref in refs.sorted() {
            guard let text = try? String(contentsOfFile: paths.root + "/refs/" + ref, encoding: .utf8) else { continue }
            named.insert(text.trimmingCharacters(in: .whitespacesAndNewlines))
            names.append(ref)
        }
        let folders = [snapshot(of: id, revision: .main)].compactMap { $0 } + commits.map(paths.snapshot)
        return Entry(
            id: id, size: Self.size(of: paths.blobs),
            revisions: names + commits.filter { !named.contains($0) }.sorted(),
            isComplete: folders.contains { ModelFiles.missing(in: $0) == nil }, path: paths.root)
    }

    private static func size(of folder: String) -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.reduce(0) { sum, name in
            var status = stat()
            // A file that is being downloaded is larger than what it takes on disk.
            return lstat(folder + "/" + name, &status) == 0
                ? sum + min(Int(status.st_size), Int(status.st_blocks) * 512) : sum
        }
    }

    /// Deletes a model with all its revisions; returns the bytes that it took.
    ///
    /// - Throws: ``ModelHubError`` where it is not there, or is being pulled.
    @discardableResult
    public func remove(_ id: ModelID) throws(ModelHubError) -> Int {
        let paths = CachePaths(self, id)
        guard FileManager.default.fileExists(atPath: paths.root) else {
            throw ModelHubError("\(id) is not on this machine")
        }
        let size = entry(id).size
        var locks: [FileLock] = []
        for name in (try? FileManager.default.contentsOfDirectory(atPath: paths.locks)) ?? [] {
            guard let lock = try FileLock.take(paths.locks + "/" + name) else {
                throw ModelHubError("\(id) is being pulled by another process; wait for it, or stop it")
            }
            locks.append(lock)
        }
        defer { for lock in locks { lock.release() } }
        do {
            // Away from its place first: nobody finds half a model.
            let grave = directory + "/.removing-\(UUID().uuidString)"
            try FileManager.default.moveItem(atPath: paths.root, toPath: grave)
            try FileManager.default.removeItem(atPath: grave)
            if FileManager.default.fileExists(atPath: paths.locks) {
                try FileManager.default.removeItem(atPath: paths.locks)
            }
        } catch {
            throw ModelHubError("cannot delete \(paths.root): \(error.localizedDescription)")
        }
        return size
    }
}
