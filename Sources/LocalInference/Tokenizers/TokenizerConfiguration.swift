internal import Foundation

/// What stands beside the tokenizer itself: `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`, and
/// the defaults of the class that transformers would use.
struct TokenizerConfiguration {
    /// The Python class without `Fast`.
    let tokenizerClass: String
    private let members: JSONNode
    private let specialTokensMap: JSONNode
    private let addedTokens: [String: JSONNode]
    let chatTemplate: String?
    /// Numbers that end a text, of `generation_config.json` or `config.json`.
    let endIDs: [Int]

    /// - Throws: ``CheckpointError``.
    init(directory: String) throws(CheckpointError) {
        func file(_ name: String) throws(CheckpointError) -> JSONNode {
            try JSONFile.readIfThere(path: directory + "/" + name) ?? .null
        }
        let members = try file("tokenizer_config.json")
        let model = try file("config.json")
        let generation = try file("generation_config.json")
        self.members = members
        specialTokensMap = try file("special_tokens_map.json")
        addedTokens = try file("added_tokens.json").object ?? [:]
        let name = members["tokenizer_class"]?.string ?? model["tokenizer_class"]?.string
        let known = ["codegen": "CodeGenTokenizer", "qwen2": "Qwen2Tokenizer", "llama": "LlamaTokenizer"]
        tokenizerClass = (name ?? known[model["model_type"]?.string ?? ""] ?? "GPT2Tokenizer").removingSuffix("Fast")
        let end = generation["eos_token_id"] ?? model["eos_token_id"] ?? .null
        endIDs = (end.array ?? [end]).compactMap(\.integer)

        if let template = members["chat_template"]?.string {
            chatTemplate = template
        } else if let named = members["chat_template"]?.array {
            let chosen = named.first { $0["name"]?.string == "default" } ?? named.first
            chatTemplate = chosen?["template"]?.string
        } else if FileManager.default.fileExists(atPath: directory + "/chat_template.jinja") {
            chatTemplate = String(
                decoding: try JSONFile.bytes(path: directory + "/chat_template.jinja"), as: UTF8.self)
        } else {
            chatTemplate = nil
        }
    }

    func flag(_ name: String) -> Bool? { members[name]?.bool }

    /// A special token, such as `eos_token`.
    func token(_ name: String) -> String? {
        node(name)?.tokenContent
    }

    /// What the files say of a special token, or else the class; an explicit null says that there is none.
    private func node(_ name: String) -> JSONNode? {
        members[name] ?? specialTokensMap[name] ?? usualToken(name).map { .string($0) }
    }

    private func usualToken(_ name: String) -> String? {
        switch (tokenizerClass, name) {
        case ("GPT2Tokenizer", "bos_token"), ("GPT2Tokenizer", "eos_token"), ("GPT2Tokenizer", "unk_token"),
            ("CodeGenTokenizer", "bos_token"), ("CodeGenTokenizer", "eos_token"), ("CodeGenTokenizer", "unk_token"),
            ("Qwen2Tokenizer", "eos_token"), ("Qwen2Tokenizer", "unk_token"), ("Qwen2Tokenizer", "pad_token"):
            return "<|endoftext|>"
        case ("LlamaTokenizer", "bos_token"), ("CodeLlamaTokenizer", "bos_token"): return "<s>"
        case ("LlamaTokenizer", "eos_token"), ("CodeLlamaTokenizer", "eos_token"): return "</s>"
        case ("LlamaTokenizer", "unk_token"), ("CodeLlamaTokenizer", "unk_token"): return "<unk>"
        default: return nil
        }
    }

    /// All special tokens, texts or objects, in the order in which transformers gives numbers to new ones.
    private var specialTokens: [JSONNode] {
        let names = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]
        var tokens = names.compactMap(node).filter { !$0.isNull }
        let additional = members["additional_special_tokens"] ?? specialTokensMap["additional_special_tokens"]
        tokens += additional?.array ?? []
        if tokenizerClass == "CodeLlamaTokenizer" {
            let infilling = [
                ("prefix_token", "▁<PRE>"), ("middle_token", "▁<MID>"), ("suffix_token", "▁<SUF>"),
                ("eot_token", "▁<EOT>"),
            ]
            tokens += infilling.compactMap { name, usual in members[name] ?? .string(usual) }.filter { !$0.isNull }
        }
        return tokens
    }

    /// Adds what the tokenizer itself does not have yet, and what the class changes of it.
    ///
    /// - Throws: ``Flaw``.
    func complete(_ parts: inout TokenizerParts) throws(Flaw) {
        let special = specialTokens
        let specialContents = Set(special.compactMap(\.tokenContent))
        var described: [String: JSONNode] = [:]
        if let decoder = members["added_tokens_decoder"]?.object {
            let numbered = decoder.compactMap { key, value in Int(key).map { (id: $0, token: value) } }
            for (id, token) in numbered.sorted(by: { $0.id < $1.id }) {
                try parts.add(token, id: id)
                if let content = token["content"]?.string { described[content] = token }
            }
        } else {
            let numbered = addedTokens.compactMap { key, value in value.integer.map { (id: $0, content: key) } }
            for (id, content) in numbered.sorted(by: { ($0.id, $0.content) < ($1.id, $1.content) }) {
                let isSpecial = specialContents.contains(content)
                try parts.add(content, id: id, isSpecial: isSpecial, isNormalized: !isSpecial)
            }
        }
        for token in special {
            guard let content = token.tokenContent else { continue }
            // A mere text changes nothing of a token that is there.
            let description = token.string == nil ? token : described[content]
            guard description != nil || tokenizerClass == "Qwen2Tokenizer" || parts.added.id(of: content) == nil else {
                continue
            }
            try parts.add(
                content, isSpecial: true, isNormalized: description?["normalized"]?.bool ?? false, description)
        }

        // The fast classes set it as their configuration says, where it is the only part.
        if case .byteLevel(_, let pattern) = parts.preTokenizer {
            parts.preTokenizer = .byteLevel(addPrefixSpace: flag("add_prefix_space") ?? false, pattern: pattern)
        }
        guard ["LlamaTokenizer", "CodeLlamaTokenizer"].contains(tokenizerClass) else { return }
        func ids(_ flagName: String, default fallback: Bool, _ tokenName: String) throws(Flaw) -> [Int] {
            guard flag(flagName) ?? fallback else { return [] }
            guard let token = token(tokenName), let id = parts.id(of: token) else {
                throw Flaw("tokenizer_config.json says \(flagName), and there is no \(tokenName)")
            }
            return [id]
        }
        (parts.prefix, parts.suffix) = (
            try ids("add_bos_token", default: true, "bos_token"), try ids("add_eos_token", default: false, "eos_token")
        )
    }
}

extension JSONNode {
    /// The text of a token, which is written as a text or as an object.
    fileprivate var tokenContent: String? { string ?? self["content"]?.string }
}

extension String {
    fileprivate func removingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
