/// A family of decoder-only transformers: the names and shapes its checkpoints use.
///
/// What the families do differently is in ``ModelConfiguration`` as traits, so that one decoder computes them all. The
/// raw value is `model_type` in `config.json`.
public enum Architecture: String, Sendable, Hashable, CaseIterable {
    case codegen
    case starcoder2
    /// Also CodeLlama and DeepSeek-Coder.
    case llama
    /// Also Qwen2.5-Coder.
    case qwen2
}

/// Where a checkpoint keeps the weights of one layer; names without the suffix `.weight` or `.bias`.
struct LayerWeightNames {
    /// One matrix for queries, keys and values, or one for each.
    var attentionInputs: [String]
    var attentionOutput: String
    /// What the activation function is applied to where it gates the other projection.
    var mlpGate: String?
    var mlpInput: String
    var mlpOutput: String
    var attentionNorm: String
    /// `nil` where attention and MLP share a norm.
    var mlpNorm: String?
}

extension Architecture {
    var embedding: String { self == .codegen ? "transformer.wte" : "model.embed_tokens" }
    var finalNorm: String { self == .codegen ? "transformer.ln_f" : "model.norm" }
    var head: String { "lm_head" }

    func names(ofLayer layer: Int) -> LayerWeightNames {
        switch self {
        case .codegen:
            let prefix = "transformer.h.\(layer)."
            return LayerWeightNames(
                attentionInputs: [prefix + "attn.qkv_proj"], attentionOutput: prefix + "attn.out_proj",
                mlpInput: prefix + "mlp.fc_in", mlpOutput: prefix + "mlp.fc_out", attentionNorm: prefix + "ln_1")
        case .starcoder2, .llama, .qwen2:
            let prefix = "model.layers.\(layer)."
            let isGated = self != .starcoder2
            return LayerWeightNames(
                attentionInputs: ["q", "k", "v"].map { "\(prefix)self_attn.\($0)_proj" },
                attentionOutput: prefix + "self_attn.o_proj",
                mlpGate: isGated ? prefix + "mlp.gate_proj" : nil,
                mlpInput: prefix + (isGated ? "mlp.up_proj" : "mlp.c_fc"),
                mlpOutput: prefix + (isGated ? "mlp.down_proj" : "mlp.c_proj"),
                attentionNorm: prefix + "input_layernorm", mlpNorm: prefix + "post_attention_layernorm")
        }
    }
}
