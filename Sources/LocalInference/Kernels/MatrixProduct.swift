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
        let input = InputLayout(
            count: count, columns: columns, quantizations: products.map(\.matrix.quantization),
            bfloatPairs: kernels.pointee.bfloat_pairs)
        let work = products.map { (panels: ck_panels($0.matrix.rows), outputs: $0.outputs, product: $0) }
        let panels = work.reduce(0) { $0 + $1.panels }
        team.withScratch(shared: input.byteCount, each: 0) { scratch in
            var activations = input.activations(x, in: scratch.shared)
            team.run { worker in
                if input.byteCount > 0 {
                    input.lay(x, rows: team.share(of: count, for: worker), in: scratch.shared, kernels: kernels)
                    team.barrier()
                }
                // The panels of all matrices in a row, in stretches small enough to end together.
                let grain = max(1, min(panels / (8 * team.count), 8))
                team.takeTurns(panels, grain: grain) { stretch in
                    var start = 0
                    for (panels, outputs, product) in work {
                        let part = stretch.clamped(to: start..<start + panels)
                        if !part.isEmpty {
                            var outputs = outputs
                            ck_multiply_panels(
                                kernels, product.matrix.quantization.format, product.matrix.weights,
                                product.matrix.rows, part.lowerBound - start, part.upperBound - start, &activations,
                                &outputs)
                        }
                        start += panels
                    }
                }
            }
        }
    }
}

/// How the activations lie that a multiplication reads: quantised for the quantised formats, and interleaved.
private struct InputLayout {
    let count: Int
    let columns: Int
    let floatBytes: Int
    let bfloatBytes: Int
    let blockBytes: Int

    init(count: Int, columns: Int, quantizations: [Quantization], bfloatPairs: Bool) {
        self.count = count
        self.columns = columns
        // The last group has room for all of its rows. A single row of floats is read where it is.
        let floatGroup = ck_float_group(count)
        let blockGroup = ck_block_group(count)
        let floats = count > 1 && quantizations.contains { $0 == .fp32 || $0 == .bf16 && !bfloatPairs }
        let bfloats = bfloatPairs && quantizations.contains(.bf16)
        let blocks = quantizations.contains { $0 == .int8 || $0 == .int4 }
        let padded = { (group: Int) in (count + group - 1) / group * group }
        floatBytes = floats ? padded(floatGroup) * columns * MemoryLayout<Float>.stride : 0
        bfloatBytes = bfloats ? padded(floatGroup) * columns * MemoryLayout<UInt32>.stride : 0
        blockBytes =
            blocks ? padded(blockGroup) * ck_blocks(columns) * MemoryLayout<ck_activation_block>.stride : 0
    }

    var byteCount: Int { floatBytes + bfloatBytes + blockBytes }

    private func floats(in memory: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Float> {
        memory.assumingMemoryBound(to: Float.self)
    }

    private func blocks(in memory: UnsafeMutableRawPointer) -> UnsafeMutablePointer<ck_activation_block> {
        (memory + floatBytes + bfloatBytes).assumingMemoryBound(to: ck_activation_block.self)
    }

    private func bfloats(in memory: UnsafeMutableRawPointer) -> UnsafeMutablePointer<UInt32> {
        (memory + floatBytes).assumingMemoryBound(to: UInt32.self)
    }

    func activations(_ x: UnsafePointer<Float>, in memory: UnsafeMutableRawPointer) -> ck_activations {
        ck_activations(
            count: count, columns: columns, values: floatBytes > 0 ? UnsafePointer(floats(in: memory)) : x,
            bfloats: bfloats(in: memory), blocks: blocks(in: memory))
    }

    func lay(
        _ x: UnsafePointer<Float>, rows: Range<Int>, in memory: UnsafeMutableRawPointer,
        kernels: UnsafePointer<ck_kernels>
    ) {
        for row in rows {
            let values = x + row * columns
            if floatBytes > 0 {
                let group = ck_float_group(count)
                ck_interleave(values, columns, floats(in: memory) + ck_interleaved(row, group, columns), group)
            }
            if bfloatBytes > 0 {
                let group = ck_float_group(count)
                ck_interleave_bfloats(values, columns, bfloats(in: memory) + ck_interleaved(row, group, columns), group)
            }
            if blockBytes > 0 {
                let group = ck_block_group(count)
                let start = blocks(in: memory) + ck_interleaved(row, group, ck_blocks(columns))
                kernels.pointee.quantize_activations(values, columns, start, group)
            }
        }
    }
}
