import CKernels

/// Operations on vectors of floats, on the calling thread.
enum VectorOperations {
    typealias Floats = UnsafeMutablePointer<Float>
    typealias ConstantFloats = UnsafePointer<Float>

    /// y = (x - mean) / √(variance + epsilon) · weight + bias
    static func layerNorm(
        _ x: ConstantFloats, count: Int, weight: ConstantFloats, bias: ConstantFloats?, epsilon: Float, into y: Floats
    ) {
        Kernels.vector.layer_norm(x, weight, bias, epsilon, count, y)
    }

    /// y = x / √(mean of squares + epsilon) · weight
    static func rmsNorm(_ x: ConstantFloats, count: Int, weight: ConstantFloats, epsilon: Float, into y: Floats) {
        Kernels.vector.rms_norm(x, weight, epsilon, count, y)
    }

    /// GELU by its tanh approximation ("gelu_new", "gelu_pytorch_tanh"), in place.
    static func geluTanh(_ x: Floats, count: Int) {
        Kernels.vector.gelu_tanh(x, count)
    }

    /// GELU by the error function, in place.
    static func gelu(_ x: Floats, count: Int) {
        Kernels.vector.gelu_erf(x, count)
    }

    /// x = silu(x) · up, SwiGLU's product of gate and up projection.
    static func siluMultiply(_ x: Floats, by up: ConstantFloats, count: Int) {
        Kernels.vector.silu_multiply(x, up, count)
    }

    /// x += y
    static func add(_ y: ConstantFloats, to x: Floats, count: Int) {
        Kernels.vector.add(x, y, count)
    }

    static func scale(_ x: Floats, by factor: Float, count: Int) {
        Kernels.vector.scale(x, factor, count)
    }

    static func maximum(_ x: ConstantFloats, count: Int) -> Float {
        Kernels.vector.maximum(x, count)
    }

    /// The index of the largest element, the first of equal ones.
    static func argmax(_ x: ConstantFloats, count: Int) -> Int {
        Kernels.vector.argmax(x, count)
    }

    /// x = exp(factor · (x - maximum)), in place; returns the sum. With 1 / temperature as the factor and a division by
    /// the sum, a softmax.
    static func exponentials(_ x: Floats, count: Int, maximum: Float, factor: Float = 1) -> Float {
        Kernels.vector.exponentials(x, maximum, factor, count)
    }

    /// softmax(factor · x), in place.
    static func softmax(_ x: Floats, count: Int, factor: Float = 1) {
        let sum = exponentials(x, count: count, maximum: maximum(x, count: count), factor: factor)
        scale(x, by: 1 / sum, count: count)
    }

    /// Turns pairs (x[2i], x[2i+1]) of one head by angle i, for i below `pairs` (GPT-J, CodeGen), in place.
    static func rotateInterleaved(_ x: Floats, cosines: ConstantFloats, sines: ConstantFloats, pairs: Int) {
        Kernels.vector.rotate_interleaved(x, cosines, sines, pairs)
    }

    /// Turns pairs (x[i], x[i + pairs]) of one head by angle i, for i below `pairs` (Llama), in place.
    static func rotateHalves(_ x: Floats, cosines: ConstantFloats, sines: ConstantFloats, pairs: Int) {
        Kernels.vector.rotate_halves(x, cosines, sines, pairs)
    }

    /// float16 to float
    static func floats(fromHalves x: UnsafePointer<UInt16>, count: Int, into y: Floats) {
        Kernels.vector.float_from_half(x, count, y)
    }

    /// float to float16, to the nearest
    static func halves(fromFloats x: ConstantFloats, count: Int, into y: UnsafeMutablePointer<UInt16>) {
        Kernels.vector.half_from_float(x, count, y)
    }

    /// bfloat16 to float
    static func floats(fromBfloats x: UnsafePointer<UInt16>, count: Int, into y: Floats) {
        Kernels.vector.float_from_bfloat(x, count, y)
    }

    /// float to bfloat16, to the nearest
    static func bfloats(fromFloats x: ConstantFloats, count: Int, into y: UnsafeMutablePointer<UInt16>) {
        Kernels.vector.bfloat_from_float(x, count, y)
    }
}
