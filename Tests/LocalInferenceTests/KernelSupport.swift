import CKernels
import Testing

@testable import LocalInference

/// An instruction set whose kernels this processor can run.
struct InstructionSet: CustomTestStringConvertible, Sendable {
    let name: String
    nonisolated(unsafe) let kernels: UnsafePointer<ck_kernels>

    var testDescription: String { name }
    var vector: ck_vector_operations { kernels.pointee.vector }

    static let available: [InstructionSet] = [CK_PORTABLE, CK_AVX2, CK_AVX512, CK_AVX512_BF16, CK_NEON].compactMap {
        set in
        ck_kernels_for(set).map { InstructionSet(name: String(cString: $0.pointee.name), kernels: $0) }
    }
}

/// Numbers that look random and are the same in every run.
struct Noise: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        // SplitMix64.
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// About normally distributed, of variance 1.
    mutating func floats(_ count: Int) -> [Float] {
        // The sum of eight uniform bytes.
        (0..<count).map { _ in
            let bits = next()
            let pairs = (bits & 0x00FF_00FF_00FF_00FF) &+ ((bits >> 8) & 0x00FF_00FF_00FF_00FF)
            let sum = (pairs &* 0x0001_0001_0001_0001) >> 48
            return (Float(sum) - 1020) / 209
        }
    }
}

/// √(Σ(x - y)² / Σy²)
func relativeError(_ x: [Float], _ y: [Double]) -> Double {
    var difference = 0.0
    var size = 0.0
    for (a, b) in zip(x, y) {
        difference += (Double(a) - b) * (Double(a) - b)
        size += b * b
    }
    return (difference / max(size, .leastNormalMagnitude)).squareRoot()
}
