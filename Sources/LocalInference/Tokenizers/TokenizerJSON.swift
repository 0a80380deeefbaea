/// Reads `tokenizer.json`, the file of Hugging Face's tokenizers library.
enum TokenizerJSON {
    /// - Throws: ``CheckpointError``, also for a component that is unknown: a tokenizer that is almost right is wrong.
    static func read(path: String) throws(CheckpointError) -> TokenizerParts {
        let (model, members) = try JSONFile.scan(path: path) { scanner throws in
            var model: BytePairModel?
            var members: [String: JSONNode] = [:]
            try scanner.readObject { scanner, key throws in
                if key.elementsEqual("model".utf8) {
                    model = try readModel(&scanner)
                } else {
                    members[String(decoding: key, as: UTF8.self)] = try scanner.readValue()
                }
            }
            guard let model else { throw Flaw("it has no model") }
            return (model, members)
        }
        do throws(Flaw) {
            var parts = TokenizerParts(
                model: model, normalizer: try Normalizer(members["normalizer"]),
                preTokenizer: try PreTokenizer(members["pre_tokenizer"]), decoder: try TokenDecoder(members["decoder"]))
            for token in members["added_tokens"]?.array ?? [] {
                try parts.add(token, id: token["id"]?.integer)
            }
            try addTemplate(members["post_processor"], to: &parts)
            return parts
        } catch {
            throw CheckpointError("cannot use \(path): \(error)")
        }
    }

    private static func readModel(_ scanner: inout JSONScanner) throws -> BytePairModel {
        var vocabulary: Vocabulary?
        var merges: MergeTable?
        var laterMerges: JSONScanner?
        var members: [String: JSONNode] = [:]
        try scanner.readObject { scanner, key throws in
            switch String(decoding: key, as: UTF8.self) {
            case "vocab":
                guard try scanner.peek() == UInt8(ascii: "{") else { throw Flaw("its model is no byte-pair encoding") }
                vocabulary = try readVocabulary(&scanner)
            case "merges":
                if let vocabulary {
                    merges = try readMerges(&scanner, vocabulary)
                } else {
                    laterMerges = scanner
                    try scanner.skipValue()
                }
            case let name: members[name] = try scanner.readValue()
            }
        }
        let type = members["type"]?.string ?? "BPE"
        guard type == "BPE" else { throw Flaw("its model \(type.quoted) is unknown; BPE is what can be used") }
        guard let vocabulary else { throw Flaw("its model has no vocab") }
        if var laterMerges { merges = try readMerges(&laterMerges, vocabulary) }
        guard let merges else { throw Flaw("its model has no merges") }
        for name in ["continuing_subword_prefix", "end_of_word_suffix"] where members[name]?.string?.isEmpty == false {
            throw Flaw("its model has a \(name), which cannot be used")
        }
        if case .double(let dropout) = members["dropout"] ?? .null, dropout > 0 {
            throw Flaw("its model drops merges at random, which cannot be used")
        }
        var model = BytePairModel(vocabulary: vocabulary, merges: merges)
        if let unknown = members["unk_token"]?.string {
            guard let id = vocabulary.id(of: unknown) else { throw Flaw("its vocab lacks the unk_token") }
            model.unknown = Int32(id)
        }
        model.fusesUnknown = members["fuse_unk"]?.bool ?? false
        model.fallsBackToBytes = members["byte_fallback"]?.bool ?? false
        model.ignoresMerges = members["ignore_merges"]?.bool ?? false
        return model
    }

    /// `{token: number}`, which `vocab.json` is, too.
    static func readVocabulary(_ scanner: inout JSONScanner) throws -> Vocabulary {
        var vocabulary = Vocabulary()
        try scanner.readObject { scanner, key throws in
            try vocabulary.insert(key, id: try scanner.readInteger())
        }
        return vocabulary
    }

    /// `["a b", …]`, or `[["a", "b"], …]` since version 0.20.
    private static func readMerges(_ scanner: inout JSONScanner, _ vocabulary: Vocabulary) throws -> MergeTable {
        var reader = MergeReader(vocabulary: vocabulary)
        var left: [UInt8] = []
        var right: [UInt8] = []
        try scanner.readArray { scanner throws in
            guard try scanner.peek() == UInt8(ascii: "[") else {
                try scanner.readString(into: &left)
                return try reader.append(line: left[...])
            }
            var count = 0
            try scanner.readArray { scanner throws in
                count += 1
                if count == 1 { try scanner.readString(into: &left) } else { try scanner.readString(into: &right) }
            }
            guard count == 2 else { throw scanner.failure("a merge has not two parts") }
            try reader.append(left[...], right[...])
        }
        return reader.table
    }

    /// What goes before and after a text, from a `TemplateProcessing`.
    private static func addTemplate(_ node: JSONNode?, to parts: inout TokenizerParts) throws(Flaw) {
        guard let node, !node.isNull else { return }
        switch node["type"]?.string {
        // It only moves offsets.
        case "ByteLevel": return
        case "Sequence":
            for part in node["processors"]?.array ?? [] { try addTemplate(part, to: &parts) }
        case "TemplateProcessing":
            var isBefore = true
            var (prefix, suffix): ([Int], [Int]) = ([], [])
            for piece in node["single"]?.array ?? [] {
                if piece["Sequence"] != nil {
                    isBefore = false
                    continue
                }
                guard let name = piece["SpecialToken"]?["id"]?.string,
                    let ids = node["special_tokens"]?[name]?["ids"]?.array?.map(\.integer), !ids.contains(nil)
                else { throw Flaw("its template names a token that it does not have") }
                if isBefore { prefix += ids.compactMap { $0 } } else { suffix += ids.compactMap { $0 } }
            }
            parts.prefix = prefix + parts.prefix
            parts.suffix += suffix
        case let type: throw Flaw("its post-processor \((type ?? "without a type").quoted) is unknown")
        }
    }
}

/// Collects merges by their texts.
struct MergeReader {
    private let vocabulary: Vocabulary
    private(set) var table: MergeTable
    private var rank: UInt32 = 0
    private var joined: [UInt8] = []

    init(vocabulary: Vocabulary) {
        self.vocabulary = vocabulary
        table = MergeTable(capacity: vocabulary.count)
    }

    /// Adds a merge of two texts with a space between them.
    ///
    /// - Throws: ``Flaw``.
    mutating func append(line: ArraySlice<UInt8>) throws(Flaw) {
        guard let space = line.firstIndex(of: 0x20), !line[(space + 1)...].contains(0x20) else {
            throw Flaw("the merge \(String(decoding: line, as: UTF8.self).quoted) has not two parts")
        }
        try append(line[..<space], line[(space + 1)...])
    }

    mutating func append(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) throws(Flaw) {
        joined.removeAll(keepingCapacity: true)
        joined += left
        joined += right
        guard let leftID = left.withUnsafeBufferPointer(vocabulary.id(of:)),
            let rightID = right.withUnsafeBufferPointer(vocabulary.id(of:)), let id = vocabulary.id(of: joined)
        else {
            throw Flaw(
                "the merge of \(String(decoding: left, as: UTF8.self).quoted) and "
                    + "\(String(decoding: right, as: UTF8.self).quoted) has tokens that the vocabulary lacks")
        }
        table.append(Int32(leftID), Int32(rightID), id: Int32(id), rank: rank)
        rank += 1
    }
}
