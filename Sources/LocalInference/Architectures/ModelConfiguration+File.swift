public import Foundation

extension ModelConfiguration {
    /// Reads `config.json`, and the end tokens of `generation_config.json` where there is one.
    ///
    /// Sources: the configuration classes of Transformers 4.57, whose defaults apply to members that are not there.
    ///
    /// - Throws: ``CheckpointError``: a file is missing or malformed, or describes a model that is not supported.
    public init(directory: URL) throws(CheckpointError) {
        let path = directory.path + "/config.json"
        guard FileManager.default.fileExists(atPath: path) else {
            throw CheckpointError("\(directory.path) has no config.json; is it the directory of a model?")
        }
        let file = try ConfigurationFile(path: path)
        let name = try file.string("model_type") ?? ""
        guard let architecture = Architecture(rawValue: name) else {
            let known = Architecture.allCases.map(\.rawValue)
            throw file.error(
                """
                the architecture \(name.quoted) is not supported; those that are: \
                \(known.dropLast().joined(separator: ", ")) and \(known.last!)
                """)
        }
        if file["quantization_config"] != nil {
            throw file.error("its weights are quantised already; download the model in its original precision")
        }
        self =
            architecture == .codegen
            ? try ModelConfiguration(codegen: file) : try ModelConfiguration(file, architecture)
        let generation = directory.path + "/generation_config.json"
        if FileManager.default.fileExists(atPath: generation),
            let tokens = try ConfigurationFile(path: generation).tokens("eos_token_id")
        {
            endTokens = tokens
        }
        try check(file)
    }

    private enum Bounds {
        static let vocabulary = 1...(1 << 22)
        static let width = 1...(1 << 17)
        static let count = 1...(1 << 10)
        static let context = 1...(1 << 24)
        static let epsilon = 0...1.0
        static let base = 1...1e12
    }

    private init(codegen file: ConfigurationFile) throws(CheckpointError) {
        let width = try file.size("n_embd", in: Bounds.width, default: 4096)
        let heads = try file.size("n_head", in: Bounds.count, default: 16)
        guard width % heads == 0 else { throw file.error("n_embd must be a multiple of n_head") }
        // The fused projection is laid out in four blocks, from training on four processors of a TPU.
        guard heads % 4 == 0 else { throw file.error("n_head must be a multiple of 4") }
        let layers = try file.size("n_layer", in: Bounds.count, default: 28)
        self.init(
            architecture: .codegen,
            vocabularySize: try file.size("vocab_size", in: Bounds.vocabulary, default: 50400),
            hiddenSize: width, layerCount: layers, headCount: heads, keyValueHeadCount: heads, headSize: width / heads,
            intermediateSize: try file.size("n_inner", in: Bounds.width, default: 4 * width),
            contextLength: try file.size("n_positions", in: Bounds.context, default: 2048),
            endTokens: try file.tokens("eos_token_id") ?? [50256],
            hasTiedHead: try file.flag("tie_word_embeddings", default: false),
            rotary: RotaryEmbedding(
                pairing: .interleaved,
                dimensions: try file.size("rotary_dim", in: 2...(1 << 10), default: 64), base: 10_000),
            windows: Array(repeating: nil, count: layers),
            norm: .layerNorm,
            normEpsilon: Float(try file.number("layer_norm_epsilon", in: Bounds.epsilon, default: 1e-5)),
            activation: try Self.activation(file, "activation_function", default: "gelu_new", isGated: false),
            isParallel: true, biases: Biases(mlp: true, head: true))
    }

    /// The families that share Llama's member names.
    private init(_ file: ConfigurationFile, _ architecture: Architecture) throws(CheckpointError) {
        let width = try file.size("hidden_size", in: Bounds.width)
        let heads = try file.size("num_attention_heads", in: Bounds.count)
        let keyValueHeads = try file.size("num_key_value_heads", in: Bounds.count, default: heads)
        guard heads % keyValueHeads == 0 else {
            throw file.error("num_attention_heads must be a multiple of num_key_value_heads")
        }
        guard file["head_dim"] != nil || width % heads == 0 else {
            throw file.error("hidden_size must be a multiple of num_attention_heads")
        }
        let headSize = try file.size("head_dim", in: 1...(1 << 10), default: width / heads)
        let isStarCoder = architecture == .starcoder2
        let biases: Biases
        switch architecture {
        case .starcoder2:
            let flag = try file.flag("use_bias", default: true)
            biases = Biases(attentionInput: flag, attentionOutput: flag, mlp: flag)
        case .qwen2:
            biases = Biases(attentionInput: true)
        case .llama, .codegen:
            let flag = try file.flag("attention_bias", default: false)
            biases = Biases(
                attentionInput: flag, attentionOutput: flag, mlp: try file.flag("mlp_bias", default: false))
        }
        let layers = try file.size("num_hidden_layers", in: Bounds.count)
        self.init(
            architecture: architecture,
            vocabularySize: try file.size("vocab_size", in: Bounds.vocabulary),
            hiddenSize: width, layerCount: layers, headCount: heads, keyValueHeadCount: keyValueHeads,
            headSize: headSize,
            intermediateSize: try file.size("intermediate_size", in: Bounds.width),
            contextLength: try file.size("max_position_embeddings", in: Bounds.context),
            endTokens: try file.tokens("eos_token_id") ?? [],
            hasTiedHead: try file.flag("tie_word_embeddings", default: isStarCoder),
            rotary: try Self.rotary(file, headSize: headSize),
            windows: try Self.windows(file, architecture, layers: layers),
            norm: isStarCoder ? .layerNorm : .rmsNorm,
            normEpsilon: Float(
                try file.number(isStarCoder ? "norm_epsilon" : "rms_norm_eps", in: Bounds.epsilon, default: 1e-5)),
            activation: try Self.activation(
                file, "hidden_act", default: isStarCoder ? "gelu_pytorch_tanh" : "silu", isGated: !isStarCoder),
            isParallel: false, biases: biases)
    }

    private static func activation(
        _ file: ConfigurationFile, _ key: String, default fallback: String, isGated: Bool
    ) throws(CheckpointError) -> Activation {
        switch try file.string(key) ?? fallback {
        case "silu" where isGated, "swish" where isGated: return .silu
        case "gelu" where !isGated: return .gelu
        case "gelu_new" where !isGated, "gelu_pytorch_tanh" where !isGated, "gelu_fast" where !isGated: return .geluTanh
        case let other:
            let known = isGated ? "silu is" : "gelu, gelu_new, gelu_pytorch_tanh and gelu_fast are"
            throw file.error("the \(key) \(other.quoted) is not supported in this architecture; \(known)")
        }
    }

    private static func rotary(
        _ file: ConfigurationFile, headSize: Int
    ) throws(CheckpointError) -> RotaryEmbedding {
        // Newer files have all of it in `rope_parameters`.
        let scaling = try file.object(file["rope_scaling"] == nil ? "rope_parameters" : "rope_scaling")
        let holder = scaling?["rope_theta"] == nil ? file : scaling!
        let base = try holder.number("rope_theta", in: Bounds.base, default: 10_000)
        var rotary = RotaryEmbedding(pairing: .halfSplit, dimensions: headSize, base: base)
        guard let scaling else { return rotary }
        let factors = 1e-3...1e6
        switch try scaling.string(scaling["rope_type"] == nil ? "type" : "rope_type") ?? "default" {
        case "default": break
        case "linear": rotary.scaling = .linear(factor: try scaling.number("factor", in: factors))
        case "llama3":
            let low = try scaling.number("low_freq_factor", in: factors)
            let high = try scaling.number("high_freq_factor", in: factors)
            guard low < high else { throw file.error("low_freq_factor must be less than high_freq_factor") }
            rotary.scaling = .llama3(
                factor: try scaling.number("factor", in: factors), lowFrequencyFactor: low, highFrequencyFactor: high,
                originalContext: try scaling.number("original_max_position_embeddings", in: 1...1e9))
        case let other:
            throw file.error("rope_scaling of the type \(other.quoted) is not supported; linear and llama3 are")
        }
        return rotary
    }

    private static func windows(
        _ file: ConfigurationFile, _ architecture: Architecture, layers: Int
    ) throws(CheckpointError) -> [Int?] {
        let none = [Int?](repeating: nil, count: layers)
        guard file["sliding_window"] != nil else { return none }
        switch architecture {
        case .starcoder2:
            return Array(repeating: try file.size("sliding_window", in: Bounds.context), count: layers)
        case .qwen2 where try file.flag("use_sliding_window", default: false):
            let window = try file.size("sliding_window", in: Bounds.context)
            // The lower layers keep full attention.
            let first = try file.size("max_window_layers", in: 0...(1 << 20), default: 28)
            return none.indices.map { $0 >= first ? window : nil }
        default: return none
        }
    }

    private func check(_ file: ConfigurationFile) throws(CheckpointError) {
        guard rotary.dimensions % 2 == 0, rotary.dimensions <= headSize else {
            throw file.error("the rotary dimensions must be an even number of at most \(headSize), the size of a head")
        }
        guard endTokens.allSatisfy({ (0..<vocabularySize).contains($0) }) else {
            throw file.error("eos_token_id is not in the vocabulary")
        }
    }
}
