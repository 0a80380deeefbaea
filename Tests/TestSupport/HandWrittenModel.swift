public import Foundation
import LanguageModels

/// A small model for conversations whose weights are written by hand, so that it says what a script has it say: the whole
/// way through the engine, with a tokenizer, a template, attention and sampling, and an outcome that is known.
///
/// It is a Llama of one layer. Each reply is cut into chunks, and each chunk is a token of its own:
///
/// - the output projection makes each token's successor likely, so that a reply goes on once it has begun;
/// - one attention head looks for the latest cue in the conversation (what opens it, or the end of an earlier reply, which
///   are tokens too) and makes the first chunk of that cue's reply likely.
public struct HandWrittenModel {
    /// A conversation by words of its system prompt, and what the model says in it, one reply after another.
    public struct Script {
        public var opening: String
        public var replies: [String]

        public init(opening: String, replies: [String]) {
            self.opening = opening
            self.replies = replies
        }
    }

    /// After `cue`, and no later one, the model says `chunks`.
    private struct Rule {
        var cue: Int
        var chunks: [Int]
    }

    private static let bytes = byteLevelAlphabet()
    private static let special = ["<|im_start|>", "<|im_end|>"]
    private static let endOfTurn = 257
    /// The size of the one attention head, and the half of it, with which rotary positions pair its dimensions.
    private static let headSize = 64
    /// The dimension that positions turn least: not at all, with the greatest base.
    private static let stillDimension = headSize / 2 - 1

    private var added: [String] = Self.special
    private var rules: [Rule] = []

    public init(_ scripts: [Script], charactersInChunk: Int = 40) {
        for script in scripts {
            var cue = add(script.opening)
            for reply in script.replies {
                let chunks = reply.chunks(of: charactersInChunk).map { add($0) }
                rules.append(Rule(cue: cue, chunks: chunks))
                cue = chunks[chunks.count - 1]
            }
        }
        precondition(rules.count <= Self.headSize, "the attention head has a dimension for each of 64 replies")
    }

    private mutating func add(_ text: String) -> Int {
        precondition(!added.contains(text), "“\(text)” is there twice; cut the replies in another way")
        added.append(text)
        return Self.bytes.count + added.count - 1
    }

    // MARK: - Its files

    /// Writes the model's directory.
    public func write(to directory: URL) throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        func write(_ value: JSONValue, _ name: String) throws {
            try Data(value.json.utf8).write(to: directory.appending(path: name))
        }
        try write(
            [
                "model_type": "llama", "hidden_act": "silu", "hidden_size": .integer(Int64(width)),
                "intermediate_size": 64,
                "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1,
                "head_dim": .integer(Int64(Self.headSize)), "vocab_size": .integer(Int64(vocabularySize)),
                "rope_theta": 1e12,
                "max_position_embeddings": 65536, "rms_norm_eps": 1e-6, "tie_word_embeddings": false,
                "eos_token_id": .integer(Int64(Self.endOfTurn)),
            ], "config.json")
        let tokens = added.enumerated().map { index, text -> JSONValue in
            [
                "id": .integer(Int64(Self.bytes.count + index)), "content": .string(text), "normalized": false,
                "special": .bool(Self.special.contains(text)),
            ]
        }
        let vocabulary = Self.bytes.enumerated().map { (String($1), JSONValue.integer(Int64($0))) }
        let byteLevel: JSONValue = ["type": "ByteLevel", "add_prefix_space": false, "use_regex": true]
        try write(
            [
                "added_tokens": .array(tokens), "pre_tokenizer": byteLevel, "decoder": byteLevel,
                "model": [
                    "type": "BPE", "vocab": .object(Dictionary(uniqueKeysWithValues: vocabulary)), "merges": [],
                ],
            ], "tokenizer.json")
        // Its mark tells the family.
        let template = "{% for message in messages %}{{ '<|im_start|>' + message['role'] }}{% endfor %}"
        try write(["eos_token": "<|im_end|>", "chat_template": .string(template)], "tokenizer_config.json")
        try safetensors().write(to: directory.appending(path: "model.safetensors"))
    }

    private var vocabularySize: Int { Self.bytes.count + added.count }

    /// A dimension for each token and one for each rule, in whole blocks of 64.
    private var width: Int { (vocabularySize + rules.count + 63) / 64 * 64 }

    /// Source of the format: the safetensors repository's README.
    private func safetensors() throws -> Data {
        var header: [String: JSONValue] = [:]
        var data = Data()
        for (name, matrix) in tensors().sorted(by: { $0.key < $1.key }) {
            let start = data.count
            matrix.values.withUnsafeBytes { data.append(contentsOf: $0) }
            header[name] = [
                "dtype": "F32", "shape": .array(matrix.shape.map { .integer(Int64($0)) }),
                "data_offsets": [.integer(Int64(start)), .integer(Int64(data.count))],
            ]
        }
        let text = Data(JSONValue.object(header).json.utf8)
        return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) } + text + data
    }

    private struct Matrix {
        var shape: [Int]
        var values: [Float]

        init(_ rows: Int, _ columns: Int) {
            shape = [rows, columns]
            values = Array(repeating: 0, count: rows * columns)
        }

        init(ones count: Int) {
            shape = [count]
            values = Array(repeating: 1, count: count)
        }

        subscript(row: Int, column: Int) -> Float {
            get { values[row * shape[1] + column] }
            set { values[row * shape[1] + column] = newValue }
        }
    }

    private func tensors() -> [String: Matrix] {
        // A token is a dimension of the residual stream; normalised, its value is the root of the width, about 20.
        var embedding = Matrix(vocabularySize, width)
        for token in 0..<vocabularySize { embedding[token, token] = 1 }

        var query = Matrix(Self.headSize, width)
        for token in 0..<vocabularySize { query[Self.stillDimension, token] = 1 }
        var key = Matrix(Self.headSize, width)
        var value = Matrix(Self.headSize, width)
        var output = Matrix(width, Self.headSize)
        var head = Matrix(vocabularySize, width)
        let newline = Int(UInt8(ascii: "\n"))
        for (index, rule) in rules.enumerated() {
            // Later cues outweigh earlier ones, by some fifty in the softmax's exponent.
            key[Self.stillDimension, rule.cue] = Float(index + 1)
            value[index, rule.cue] = 1
            output[vocabularySize + index, index] = 0.05
            // The template ends with a line break, which begins any reply; the cue says which.
            head[rule.chunks[0], newline] = 1
            head[rule.chunks[0], vocabularySize + index] = 1
            for (chunk, next) in zip(rule.chunks, rule.chunks.dropFirst() + [Self.endOfTurn]) {
                head[next, chunk] = 4
            }
        }
        let layer = "model.layers.0."
        return [
            "model.embed_tokens.weight": embedding, "lm_head.weight": head, "model.norm.weight": Matrix(ones: width),
            layer + "input_layernorm.weight": Matrix(ones: width),
            layer + "post_attention_layernorm.weight": Matrix(ones: width),
            layer + "self_attn.q_proj.weight": query, layer + "self_attn.k_proj.weight": key,
            layer + "self_attn.v_proj.weight": value, layer + "self_attn.o_proj.weight": output,
            layer + "mlp.gate_proj.weight": Matrix(64, width), layer + "mlp.up_proj.weight": Matrix(64, width),
            layer + "mlp.down_proj.weight": Matrix(width, 64),
        ]
    }

    /// The character that stands for each byte in byte-level vocabularies. Source: `bytes_to_unicode` of GPT-2.
    private static func byteLevelAlphabet() -> [Character] {
        var next: UInt32 = 256
        return (0..<256).map { (byte: UInt32) in
            if (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte) {
                return Character(Unicode.Scalar(byte)!)
            }
            defer { next += 1 }
            return Character(Unicode.Scalar(next)!)
        }
    }
}

extension String {
    fileprivate func chunks(of size: Int) -> [String] {
        var rest = self[...]
        var chunks: [String] = []
        while !rest.isEmpty {
            chunks.append(String(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return chunks
    }
}
