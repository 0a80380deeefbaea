internal import Foundation

/// Paths of the host.
enum HostPath {
    /// The absolute path without symbolic links, as far as it exists.
    static func real(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return URL(filePath: path).standardizedFileURL.path }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
