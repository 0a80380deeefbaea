internal import Crypto
internal import Foundation

/// What the hub says about the contents of a file by its ETag: the sha256 of a large file, git's id of a small one.
enum Checksum: Equatable {
    case sha256(String)
    /// The sha1 of `blob <size>\0` and the contents.
    case gitBlob(String)

    /// `nil` for an ETag that is neither.
    init?(etag: String) {
        if etag.wholeMatch(of: /[0-9a-f]{64}/) != nil {
            self = .sha256(etag)
        } else if etag.wholeMatch(of: /[0-9a-f]{40}/) != nil {
            self = .gitBlob(etag)
        } else {
            return nil
        }
    }

    /// Whether a file is the right one.
    ///
    /// - Throws: ``ModelHubError`` where it cannot be read, or `CancellationError`.
    func matches(fileAt path: String, size: Int) throws -> Bool {
        switch self {
        case .sha256(let expected): return try Self.digest(SHA256(), path) == expected
        case .gitBlob(let expected):
            var hash = Insecure.SHA1()
            hash.update(data: Data("blob \(size)\0".utf8))
            return try Self.digest(hash, path) == expected
        }
    }

    private static func digest<Hash: HashFunction>(_ hash: Hash, _ path: String) throws -> String {
        var hash = hash
        guard let file = FileHandle(forReadingAtPath: path) else { throw ModelHubError("cannot read \(path)") }
        defer { try? file.close() }
        while let data = try file.read(upToCount: 4 << 20), !data.isEmpty {
            try Task.checkCancellation()
            hash.update(data: data)
        }
        return hash.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
