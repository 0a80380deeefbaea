internal import Foundation

/// Which files of a model's repository are needed to run it.
enum ModelFiles {
    /// The configuration and the tokenizer, as far as the repository has them.
    private static let small = [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja",
    ]

    /// The weights in one file, the better format first.
    private static let weights = ["model.safetensors", "pytorch_model.bin"]

    /// What to fetch, where weights in several files are known by their index only.
    struct Selection: Equatable {
        var files: [String]
        /// The index among `files`, which names the files to fetch after it.
        var index: String?
    }

    /// Chooses among the files of a repository. Names come from outside: only known ones are taken.
    ///
    /// - Throws: ``ModelHubError`` where there are no weights that can be read.
    static func select(from names: Set<String>, of id: ModelID) throws(ModelHubError) -> Selection {
        guard names.contains("config.json") else {
            throw ModelHubError("\(id) has no config.json; it is no model that can be run")
        }
        var selection = Selection(files: small.filter(names.contains))
        for name in weights {
            if names.contains(name) {
                selection.files.append(name)
                return selection
            }
            if names.contains(name + ".index.json") {
                selection.files.append(name + ".index.json")
                selection.index = name + ".index.json"
                return selection
            }
        }
        throw ModelHubError("\(id) has no weights as model.safetensors or pytorch_model.bin, which is what can be read")
    }

    /// The files that an index names.
    ///
    /// - Throws: ``ModelHubError`` where one is named that would leave the folder, or that is no file of weights.
    static func shards(index: Data, named name: String) throws(ModelHubError) -> [String] {
        struct Index: Decodable {
            var weightMap: [String: String]

            enum CodingKeys: String, CodingKey { case weightMap = "weight_map" }
        }
        guard index.count <= 64 << 20, let index = try? JSONDecoder().decode(Index.self, from: index),
            !index.weightMap.isEmpty
        else { throw ModelHubError("\(name) cannot be read; pull the model again") }
        let shards = Set(index.weightMap.values).sorted()
        for shard in shards where shard.wholeMatch(of: /[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}\.(safetensors|bin)/) == nil {
            throw ModelHubError("\(name) names “\(shard.printable)”, which is no file of weights")
        }
        guard shards.count <= 10_000 else { throw ModelHubError("\(name) names \(shards.count) files") }
        return shards
    }

    /// What a folder lacks of a model that can be run; `nil` where nothing is missing.
    static func missing(in folder: String) -> String? {
        func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: folder + "/" + name) }
        guard exists("config.json") else { return "config.json" }
        for name in weights {
            if exists(name) { return nil }
            guard let index = FileManager.default.contents(atPath: folder + "/" + name + ".index.json") else {
                continue
            }
            guard let shards = try? shards(index: index, named: name) else { return name + ".index.json" }
            return shards.first { !exists($0) }
        }
        return weights[0]
    }
}
