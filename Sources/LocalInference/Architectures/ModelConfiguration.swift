import Foundation

/// The shape of a model and the traits that tell its family from the others, as its `config.json` says.
public struct ModelConfiguration: Sendable, Hashable {
    public var architecture: Architecture
    public var vocabularySize: Int
    /// Width of the residual stream.
    public var hiddenSize: Int
    public var layerCount: Int
    public var headCount: Int
    /// Fewer than ``headCount`` with grouped-query attention: consecutive query heads share one.
    public var keyValueHeadCount: Int
    public var headSize: Int
    /// Width of the MLP.
    public var intermediateSize: Int
    /// The most tokens of prompt and continuation together.
    public var contextLength: Int
    /// Generation ends at any of these.
    public var endTokens: Set<Int>
    /// Whether the output head is the embedding, transposed.
    public var hasTiedHead: Bool

    var rotary: RotaryEmbedding
    /// For each layer, how many tokens attention looks back, itself included; `nil`: all.
    var windows: [Int?]
    var norm: Norm
    var normEpsilon: Float
    var activation: Activation
    /// Attention and MLP both read the same normalised input, and are added to the residual stream together.
    var isParallel: Bool
    var biases: Biases

    enum Norm: Sendable, Hashable { case layerNorm, rmsNorm }

    enum Activation: Sendable, Hashable {
        /// x Φ(x) with the error function.
        case gelu
        /// The approximation with tanh.
        case geluTanh
        /// x σ(x), times another projection (SwiGLU).
        case silu
    }

    /// Which projections have a bias.
    struct Biases: Sendable, Hashable {
        var attentionInput = false
        var attentionOutput = false
        var mlp = false
        var head = false
    }

    /// Numbers of a row that a token takes in each key and value cache.
    var keyValueSize: Int { keyValueHeadCount * headSize }
    var querySize: Int { headCount * headSize }

    /// All weights that are multiplied with, and the embedding.
    public var parameterCount: Int {
        let attention = hiddenSize * (2 * querySize + 2 * keyValueSize)
        let mlp = hiddenSize * intermediateSize * (activation == .silu ? 3 : 2)
        return layerCount * (attention + mlp) + vocabularySize * hiddenSize * (hasTiedHead ? 1 : 2)
    }
}

/// Rotary position embedding (Su et al., 2021) of the first dimensions of each head.
struct RotaryEmbedding: Sendable, Hashable {
    /// Which two dimensions turn together.
    enum Pairing: Sendable, Hashable {
        /// 2i and 2i + 1 (GPT-J, CodeGen).
        case interleaved
        /// i and i + n/2 (GPT-NeoX, Llama).
        case halfSplit
    }

    enum Scaling: Sendable, Hashable {
        case none
        /// Positions are divided by the factor.
        case linear(factor: Double)
        /// Low frequencies are divided by the factor, high ones kept, those between blended (Llama 3.1).
        case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContext: Double)
    }

    var pairing: Pairing
    /// How many dimensions of a head turn; the rest stay as they are.
    var dimensions: Int
    var base: Double
    var scaling = Scaling.none

    /// The angle by which each pair of dimensions turns from one position to the next.
    ///
    /// In single precision where Transformers has it, so that angles agree at high positions, too.
    var frequencies: [Float] {
        (0..<dimensions / 2).map { pair in
            let exponent = Float(2 * pair) / Float(dimensions)
            let frequency = 1 / Float(pow(base, Double(exponent)))
            return scaled(frequency)
        }
    }

    private func scaled(_ frequency: Float) -> Float {
        switch scaling {
        case .none: return frequency
        case .linear(let factor): return frequency / Float(factor)
        case .llama3(let factor, let lowFactor, let highFactor, let originalContext):
            let wavelength = 2 * Double.pi / Double(frequency)
            if wavelength < originalContext / highFactor { return frequency }
            if wavelength > originalContext / lowFactor { return frequency / Float(factor) }
            let smooth = (originalContext / wavelength - lowFactor) / (highFactor - lowFactor)
            return Float((1 - smooth) * Double(frequency) / factor + smooth * Double(frequency))
        }
    }
}
