internal import Foundation

/// Which files of a directory make its tokenizer.
enum TokenizerFiles {
    /// - Throws: ``CheckpointError``, which names a file that is missing.
    static func read(
        directory: String, _ configuration: TokenizerConfiguration
    ) throws(CheckpointError) -> TokenizerParts {
        var parts: TokenizerParts
        if exists(directory + "/tokenizer.json") {
            parts = try TokenizerJSON.read(path: directory + "/tokenizer.json")
        } else {
            guard exists(directory + "/vocab.json") else {
                throw CheckpointError(
                    exists(directory + "/tokenizer.model")
                        ? "\(directory) has a SentencePiece tokenizer only (tokenizer.model); tokenizer.json is missing"
                        : "\(directory) has no tokenizer: neither tokenizer.json nor vocab.json is there")
            }
            guard exists(directory + "/merges.txt") else {
                throw CheckpointError("\(directory) lacks merges.txt, which belongs to its vocab.json")
            }
            parts = try readPair(directory, configuration)
        }
        do throws(Flaw) {
            try configuration.complete(&parts)
        } catch {
            throw CheckpointError("cannot use the tokenizer of \(directory): \(error)")
        }
        return parts
    }

    /// Reads `vocab.json` and `merges.txt` the way transformers converts the class that wrote them.
    private static func readPair(
        _ directory: String, _ configuration: TokenizerConfiguration
    ) throws(CheckpointError) -> TokenizerParts {
        let vocabulary = try JSONFile.scan(path: directory + "/vocab.json") { scanner throws in
            try TokenizerJSON.readVocabulary(&scanner)
        }
        let mergesText = try JSONFile.bytes(path: directory + "/merges.txt")
        do throws(Flaw) {
            let merges = try readMerges(mergesText, vocabulary)
            var parts = TokenizerParts(model: BytePairModel(vocabulary: vocabulary, merges: merges))
            parts.decoder = .byteLevel
            switch configuration.tokenizerClass {
            case "GPT2Tokenizer", "CodeGenTokenizer":
                parts.preTokenizer = .byteLevel(
                    addPrefixSpace: false, pattern: try SplitPattern(PreTokenizer.gpt2Pattern))
                if configuration.flag("add_bos_token") == true, let token = configuration.token("bos_token"),
                    let id = parts.id(of: token)
                {
                    parts.prefix = [id]
                }
            case "Qwen2Tokenizer":
                parts.normalizer = .nfc
                parts.preTokenizer = .sequence([
                    .split(try SplitPattern(PreTokenizer.qwen2Pattern), .isolated, inverted: false),
                    .byteLevel(addPrefixSpace: configuration.flag("add_prefix_space") ?? false, pattern: nil),
                ])
            case let other: throw Flaw("the tokenizer class \(other.quoted) is unknown without a tokenizer.json")
            }
            return parts
        } catch {
            throw CheckpointError("cannot use the tokenizer of \(directory): \(error)")
        }
    }

    private static func readMerges(_ text: [UInt8], _ vocabulary: Vocabulary) throws(Flaw) -> MergeTable {
        var reader = MergeReader(vocabulary: vocabulary)
        for (index, line) in text.split(separator: 0x0a).enumerated() {
            let line = line.last == 0x0d ? line.dropLast() : line
            if line.isEmpty || (index == 0 && line.starts(with: "#version:".utf8)) { continue }
            try reader.append(line: line)
        }
        return reader.table
    }

    private static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: path)
    }
}

extension PreTokenizer {
    /// Qwen2's, which its converter has built in.
    fileprivate static let qwen2Pattern =
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
        + "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
}
