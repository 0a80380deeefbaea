internal import Foundation

/// Which files of a directory hold its weights.
enum CheckpointFiles {
    private static let single = ["model.safetensors", "pytorch_model.bin"]

    /// The files to read, safetensors before PyTorch's own.
    ///
    /// - Throws: ``CheckpointError``, which names a file that is missing.
    static func paths(in directory: String) throws(CheckpointError) -> [String] {
        for name in single {
            let path = directory + "/" + name
            if exists(path) { return [path] }
            let index = path + ".index.json"
            if exists(index) { return try shards(index: index, in: directory) }
        }
        guard exists(directory) else { throw CheckpointError("there is no directory \(directory)") }
        let names = single.flatMap { [$0, $0 + ".index.json"] }
        throw CheckpointError("\(directory) has no weights: none of \(names.joined(separator: ", ")) is there")
    }

    /// The files that an index names: `{"weight_map": {tensor: file}}`.
    private static func shards(index: String, in directory: String) throws(CheckpointError) -> [String] {
        guard let map = try JSONFile.read(path: index)["weight_map"]?.object, !map.isEmpty else {
            throw CheckpointError("cannot read \(index): it has no weight_map")
        }
        let fileType = index.hasSuffix(".safetensors.index.json") ? ".safetensors" : ".bin"
        var paths: [String] = []
        for name in Set(map.values.map { $0.string ?? "" }).sorted() {
            // A path would lead out of the directory.
            guard name.hasSuffix(fileType), !name.contains("/"), !name.contains("\0") else {
                throw CheckpointError("cannot read \(index): it names \(name.quoted), which is no file of the model")
            }
            let path = directory + "/" + name
            guard exists(path) else {
                throw CheckpointError("\(directory) lacks \(name), which its index names; download the model again")
            }
            paths.append(path)
        }
        return paths
    }

    private static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: path)
    }
}
