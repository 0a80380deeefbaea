import CKernels

/// One of the multiplications that share their input: where its outputs go and what is done to them on the way.
struct MatrixProduct {
    /// What is applied to an output after the bias is added.
    enum Function {
        case identity
        /// GELU by its tanh approximation ("gelu_new", "gelu_pytorch_tanh").
        case geluTanh
        /// GELU by the error function.
        case gelu
    }

    let matrix: PackedMatrix
    /// Activation row `i` becomes `matrix.rows` floats from `output + i * stride` on.
    let output: UnsafeMutablePointer<Float>
    let stride: Int
    let bias: UnsafePointer<Float>?
    let function: Function
    /// Adds to what `output` holds (a residual connection) instead of replacing it.
    let accumulates: Bool

    /// `stride` is `matrix.rows` when nothing else is said.
    init(
        _ matrix: PackedMatrix, into output: UnsafeMutablePointer<Float>, stride: Int? = nil,
        bias: UnsafePointer<Float>? = nil, function: Function = .identity, accumulates: Bool = false
    ) {
        self.matrix = matrix
        self.output = output
        self.stride = stride ?? matrix.rows
        self.bias = bias
        self.function = function
        self.accumulates = accumulates
    }

    fileprivate var outputs: ck_outputs {
        let function =
            switch function {
            case .identity: CK_IDENTITY
            case .geluTanh: CK_GELU_TANH
            case .gelu: CK_GELU_ERF
            }
        return ck_outputs(values: output, stride: stride, bias: bias, function: function, accumulates: accumulates)
    }
}

extension PackedMatrix {
    /// y[i] = W x[i] + bias for `count` rows of activations, `x` being [count × columns] and `y` [count × rows].
    func multiply(
        _ x: UnsafePointer<Float>, count: Int, into y: UnsafeMutablePointer<Float>,
        bias: UnsafePointer<Float>? = nil, team: WorkerTeam
    ) {
        Self.multiply(x, count: count, products: [MatrixProduct(self, into: y, bias: bias)], team: team)
    }

    /// Multiplies the same activations, [count × columns], by several matrices of as many columns in one go, which costs
    /// less than one after another: activations are quantised once and threads meet once.
    ///
    /// An output depends on nothing but its row of activations: it is the same to the bit whatever `count`, its place
    /// among the rows, and the number of threads.
    static func multiply(
        _ x: UnsafePointer<Float>, count: Int, products: [MatrixProduct], team: WorkerTeam,
        kernels: UnsafePointer<ck_kernels> = Kernels.best
    ) {
        guard count > 0, let columns = products.first?.matrix.columns else { return }
        precondition(products.allSatisfy { $0.matrix.columns == columns })
        let blocks = ck_blocks(columns)
        let quantizes = products.contains { $0.matrix.quantization == .int8 || $0.matrix.quantization == .int4 }
        let work = products.map { (panels: ck_panels($0.matrix.rows), outputs: $0.outputs, product: $0) }
        let panels = work.reduce(0) { $0 + $1.panels }
        team.withScratch(
            shared: quantizes ? count * blocks * MemoryLayout<ck_activation_block>.stride : 0,
            each: ck_multiply_scratch_bytes(columns)
        ) { scratch in
            let quantized = scratch.shared.assumingMemoryBound(to: ck_activation_block.self)
            var activations = ck_activations(count: count, columns: columns, values: x, blocks: quantized)
            team.run { worker in
                if quantizes {
                    for row in team.share(of: count, for: worker) {
                        kernels.pointee.quantize_activations(x + row * columns, columns, quantized + row * blocks)
                    }
                    team.barrier()
                }
                // All panels of all matrices in a row, of which each worker takes an equal stretch.
                let share = team.share(of: panels, for: worker)
                var start = 0
                for (panels, outputs, product) in work {
                    let part = share.clamped(to: start..<start + panels)
                    if !part.isEmpty {
                        var outputs = outputs
                        ck_multiply_panels(
                            kernels, product.matrix.quantization.format, product.matrix.weights, product.matrix.rows,
                            part.lowerBound - start, part.upperBound - start, &activations, &outputs,
                            scratch.each(worker))
                    }
                    start += panels
                }
            }
        }
    }
}
