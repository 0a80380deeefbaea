import Foundation

/// What a service may leave behind.
enum Leftovers {
    /// Files and processes of a service in a folder that should not be there any more once it has ended and all its tasks have.
    static func find(of folder: String) throws -> [String] {
        let files = FileManager.default
        var left: [String] = []
        for (directory, expected) in [
            "tmp": [], "workspace": [".state"],
            "workspace/.state": ["empty", "empty-directory", "name-servers", "system-calls"],
            "data": ["lock", "repositories", "tasks.sqlite"], "data/repositories": [],
        ] {
            let names = (try? files.contentsOfDirectory(atPath: "\(folder)/\(directory)")) ?? []
            left += names.filter { !expected.contains($0) }.map { "\(directory)/\($0)" }
        }
        for process in try files.contentsOfDirectory(atPath: "/proc").compactMap({ Int($0) }) {
            for file in ["cmdline", "environ"] {
                guard let bytes = files.contents(atPath: "/proc/\(process)/\(file)") else { continue }
                let text = String(decoding: bytes, as: UTF8.self)
                if text.contains(folder + "/") || text.contains(folder + "\0") {
                    left.append("process \(process): \(text.replacing("\0", with: " ").prefix(200))")
                    break
                }
            }
        }
        return left
    }
}
