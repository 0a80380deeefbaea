public import Foundation

/// The models on this machine, in the layout that Python's tools share:
/// `models--org--name/{blobs/<etag>, refs/<revision>, snapshots/<commit>/<file>}`, where a snapshot's files are relative
/// links to blobs (https://huggingface.co/docs/huggingface_hub/guides/manage-cache).
public struct ModelCache: Sendable {
    /// The folder that Python's tools call `HF_HUB_CACHE`.
    public let directory: String

    public init(directory: String) {
        self.directory = directory
    }

    /// The folder of a model's files, by its name on the hub or by a path.
    ///
    /// - Throws: ``ModelHubError``, which says how to get a model that is not there.
    public func directory(of model: String, revision: ModelRevision = .main) throws(ModelHubError) -> URL {
        var isDirectory: ObjCBool = false
        let path = model.hasPrefix("~/") ? NSString(string: model).expandingTildeInPath : model
        if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) {
            guard isDirectory.boolValue else {
                throw ModelHubError("\(model.printable) is a file; name the folder of a model, or its id on the hub")
            }
            return URL(filePath: path, directoryHint: .isDirectory)
        }
        guard !model.hasPrefix("/"), !model.hasPrefix("."), !model.hasPrefix("~") else {
            throw ModelHubError("there is no folder \(model.printable)")
        }
        let id = try ModelID(model)
        guard let folder = snapshot(of: id, revision: revision) else {
            throw ModelHubError("\(id) is not on this machine; run swe-agent model pull \(id)\(Self.flag(revision))")
        }
        if let missing = ModelFiles.missing(in: folder) {
            throw ModelHubError(
                "\(id) is not complete on this machine (\(missing) is missing); run swe-agent model pull \(id)"
                    + Self.flag(revision))
        }
        return URL(filePath: folder, directoryHint: .isDirectory)
    }

    private static func flag(_ revision: ModelRevision) -> String {
        revision == .main ? "" : " --revision \(revision)"
    }

    /// The folder of a revision's files, whether or not all are there.
    func snapshot(of id: ModelID, revision: ModelRevision) -> String? {
        let paths = CachePaths(self, id)
        let commit: String
        if let text = try? String(contentsOfFile: paths.ref(revision), encoding: .utf8) {
            commit = text.trimmingCharacters(in: .whitespacesAndNewlines)
        } else {
            commit = revision.description
        }
        // What a file says must not lead elsewhere.
        guard (try? ModelRevision(commit))?.isCommit == true else { return nil }
        let folder = paths.snapshot(commit)
        return FileManager.default.fileExists(atPath: folder) ? folder : nil
    }
}

/// Where the cache has what belongs to one model.
struct CachePaths: Sendable {
    let root: String
    /// The locks, which Python's tools take, too.
    let locks: String

    init(_ cache: ModelCache, _ id: ModelID) {
        root = cache.directory + "/" + id.folderName
        locks = cache.directory + "/.locks/" + id.folderName
    }

    var blobs: String { root + "/blobs" }
    func blob(_ etag: String) -> String { blobs + "/" + etag }
    func ref(_ revision: ModelRevision) -> String { root + "/refs/" + revision.description }
    func snapshot(_ commit: String) -> String { root + "/snapshots/" + commit }
    func lock(_ etag: String) -> String { locks + "/" + etag + ".lock" }
}
