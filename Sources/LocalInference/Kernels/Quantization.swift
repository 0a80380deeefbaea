/// How the weights of a model are held in memory while it runs.
public enum Quantization: String, Sendable, Hashable, CaseIterable {
    /// As exact as the reference implementations.
    case fp32
    case bf16
    /// 8-bit integers with a scale for each small block.
    case int8
    /// 4-bit integers with a scale for each small block.
    case int4
}
