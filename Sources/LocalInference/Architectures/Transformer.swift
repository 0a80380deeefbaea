import CKernels
import Foundation

/// A decoder-only transformer: the one computation of all architectures, steered by the traits of the configuration.
///
/// Not for several threads at once: a pass uses the buffers of the one before it.
final class Transformer {
    /// The part of a pass that belongs to one sequence: consecutive tokens.
    struct Segment {
        var cache: KeyValueCache
        var tokens: [Int]
        /// Of the first token.
        var position: Int
        /// After how many of the last tokens logits are wanted.
        var logitRows: Int
    }

    struct Layer {
        var attentionNorm: Norm
        var attentionInput: Projection
        var attentionOutput: Projection
        var mlpNorm: Norm?
        var mlpGate: Projection?
        var mlpInput: Projection
        var mlpOutput: Projection
    }

    struct Projection {
        var matrix: PackedMatrix
        var bias: UnsafePointer<Float>?
    }

    struct Norm {
        var weight: UnsafePointer<Float>
        var bias: UnsafePointer<Float>?
    }

    let configuration: ModelConfiguration
    let quantization: Quantization
    let team: WorkerTeam
    private let weights: PackedWeights
    private let embedding: PackedMatrix
    private let layers: [Layer]
    private let finalNorm: Norm
    private let head: Projection
    private let frequencies: [Float]
    private let kernels = Kernels.vector
    private let buffers = Buffers()

    init(_ configuration: ModelConfiguration, _ weights: PackedWeights, _ quantization: Quantization, team: WorkerTeam)
    {
        self.configuration = configuration
        self.quantization = quantization
        self.team = team
        self.weights = weights
        func projection(_ key: WeightPlan.Key, _ bias: WeightPlan.Key) -> Projection? {
            weights.matrix(key).map { Projection(matrix: $0, bias: weights.vector(bias)) }
        }
        func norm(_ key: WeightPlan.Key, _ bias: WeightPlan.Key) -> Norm? {
            weights.vector(key).map { Norm(weight: $0, bias: weights.vector(bias)) }
        }
        // The plan has made sure of those that every architecture has.
        embedding = weights.matrix(.embedding)!
        layers = (0..<configuration.layerCount).map { layer in
            Layer(
                attentionNorm: norm(.layer(layer, .attentionNorm), .layer(layer, .attentionNormBias))!,
                attentionInput: projection(.layer(layer, .attentionInput), .layer(layer, .attentionInputBias))!,
                attentionOutput: projection(.layer(layer, .attentionOutput), .layer(layer, .attentionOutputBias))!,
                mlpNorm: norm(.layer(layer, .mlpNorm), .layer(layer, .mlpNormBias)),
                mlpGate: projection(.layer(layer, .mlpGate), .layer(layer, .mlpGateBias)),
                mlpInput: projection(.layer(layer, .mlpInput), .layer(layer, .mlpInputBias))!,
                mlpOutput: projection(.layer(layer, .mlpOutput), .layer(layer, .mlpOutputBias))!)
        }
        finalNorm = norm(.finalNorm, .finalNormBias)!
        head = projection(.head, .headBias) ?? Projection(matrix: embedding, bias: weights.vector(.headBias))
        frequencies = configuration.rotary.frequencies
    }

    // MARK: A pass

    /// Computes all segments in one pass over the weights, and keeps their keys and values in their caches.
    ///
    /// A token's logits depend on its sequence alone: they are the same to the bit whatever else is in the pass, and
    /// however a sequence is cut into passes.
    ///
    /// - Returns: Valid until the next pass.
    func forward(_ segments: [Segment]) -> Logits {
        let rows = Rows(segments, window: configuration.windows.compactMap(\.self).min() ?? .max)
        let width = configuration.hiddenSize
        let hidden = buffers.hidden(rows.count * width)
        let normed = buffers.normed(rows.count * width)
        for (row, token) in rows.tokens.enumerated() { embedding.copyRow(token, into: hidden + row * width) }
        fillAngles(rows)
        for index in layers.indices {
            apply(index, rows, hidden: hidden, normed: normed)
        }
        return logits(segments, hidden: hidden, normed: normed)
    }

    private func apply(
        _ index: Int, _ rows: Rows, hidden: UnsafeMutablePointer<Float>, normed: UnsafeMutablePointer<Float>
    ) {
        let layer = layers[index]
        let count = rows.count
        let inputWidth = configuration.querySize + 2 * configuration.keyValueSize
        let attention = buffers.attention(count * inputWidth)
        let attended = buffers.attended(count * configuration.querySize)
        let middle = buffers.middle(count * configuration.intermediateSize)
        let input = MatrixProduct(layer.attentionInput.matrix, into: attention, bias: layer.attentionInput.bias)
        let output = MatrixProduct(
            layer.attentionOutput.matrix, into: hidden, bias: layer.attentionOutput.bias, accumulates: true)

        normalize(hidden, layer.attentionNorm, count: count, into: normed)
        // What reads the same input is multiplied in one go.
        let products = configuration.isParallel ? [input] + mlpInputs(layer, into: middle, count: count) : [input]
        PackedMatrix.multiply(normed, count: count, products: products, team: team)
        attend(index, rows, attention, into: attended)
        PackedMatrix.multiply(attended, count: count, products: [output], team: team)
        if !configuration.isParallel {
            normalize(hidden, layer.mlpNorm ?? layer.attentionNorm, count: count, into: normed)
            let products = mlpInputs(layer, into: middle, count: count)
            PackedMatrix.multiply(normed, count: count, products: products, team: team)
        }
        if layer.mlpGate != nil {
            let (gate, up) = (middle, buffers.up(count * configuration.intermediateSize))
            team.split(count * configuration.intermediateSize, grain: 16) { [kernels] part in
                kernels.silu_multiply(gate + part.lowerBound, up + part.lowerBound, part.count)
            }
        }
        let result = MatrixProduct(layer.mlpOutput.matrix, into: hidden, bias: layer.mlpOutput.bias, accumulates: true)
        PackedMatrix.multiply(middle, count: count, products: [result], team: team)
    }

    private func mlpInputs(_ layer: Layer, into middle: UnsafeMutablePointer<Float>, count: Int) -> [MatrixProduct] {
        if let gate = layer.mlpGate {
            let up = buffers.up(count * configuration.intermediateSize)
            return [
                MatrixProduct(gate.matrix, into: middle, bias: gate.bias),
                MatrixProduct(layer.mlpInput.matrix, into: up, bias: layer.mlpInput.bias),
            ]
        }
        let function: MatrixProduct.Function = configuration.activation == .gelu ? .gelu : .geluTanh
        return [MatrixProduct(layer.mlpInput.matrix, into: middle, bias: layer.mlpInput.bias, function: function)]
    }

    private func normalize(
        _ x: UnsafePointer<Float>, _ norm: Norm, count: Int, into y: UnsafeMutablePointer<Float>
    ) {
        let width = configuration.hiddenSize
        let epsilon = configuration.normEpsilon
        let isLayerNorm = configuration.norm == .layerNorm
        func normalize(_ rows: Range<Int>) {
            for row in rows {
                if isLayerNorm {
                    kernels.layer_norm(x + row * width, norm.weight, norm.bias, epsilon, width, y + row * width)
                } else {
                    kernels.rms_norm(x + row * width, norm.weight, epsilon, width, y + row * width)
                }
            }
        }
        // For a few rows it takes longer to share the work than to do it.
        if count < 8 { normalize(0..<count) } else { team.split(count, normalize) }
    }

    /// Logits of the rows for which they are wanted.
    private func logits(
        _ segments: [Segment], hidden: UnsafeMutablePointer<Float>, normed: UnsafeMutablePointer<Float>
    ) -> Logits {
        let width = configuration.hiddenSize
        var firstRow: [Int] = []
        var wanted = 0
        var end = 0
        for segment in segments {
            end += segment.tokens.count
            firstRow.append(wanted)
            for row in end - segment.logitRows..<end {
                // Rows only move towards the front.
                if row != wanted { (hidden + wanted * width).update(from: hidden + row * width, count: width) }
                wanted += 1
            }
        }
        let vocabulary = configuration.vocabularySize
        let values = buffers.logits(wanted * vocabulary)
        normalize(hidden, finalNorm, count: wanted, into: normed)
        head.matrix.multiply(normed, count: wanted, into: values, bias: head.bias, team: team)
        return Logits(firstRow: firstRow, values: values, vocabularySize: vocabulary)
    }
}

// MARK: - Attention

extension Transformer {
    /// Turns queries and keys, keeps keys and values, and lets each query look back.
    private func attend(
        _ layer: Int, _ rows: Rows, _ attention: UnsafeMutablePointer<Float>, into output: UnsafeMutablePointer<Float>
    ) {
        let configuration = configuration
        let size = configuration.headSize
        let (heads, keyValueHeads) = (configuration.headCount, configuration.keyValueHeadCount)
        let inputWidth = configuration.querySize + 2 * configuration.keyValueSize
        let (pairs, kernels, team) = (configuration.rotary.dimensions / 2, kernels, team)
        let rotate =
            configuration.rotary.pairing == .interleaved ? kernels.rotate_interleaved : kernels.rotate_halves
        let angles = buffers.angles(rows.count * 2 * pairs)
        let window = configuration.windows[layer] ?? .max
        let scale = 1 / Float(size).squareRoot()
        let scores = buffers.scores(team.count * Int(CK_ATTENDING) * rows.longest)

        team.run { worker in
            for item in team.share(of: rows.count * keyValueHeads, for: worker) {
                let (head, row) = item.quotientAndRemainder(dividingBy: rows.count)
                let key = attention + row * inputWidth + configuration.querySize + head * size
                let cosines = angles + row * 2 * pairs
                rotate?(key, cosines, cosines + pairs, pairs)
                rows.caches[rows.segments[row]].store(
                    layer: layer, head: head, position: rows.positions[row], key: key,
                    value: key + configuration.keyValueSize, kernels)
            }
            team.barrier()
            team.takeTurns(heads * rows.runs.count, grain: 1) { items in
                for item in items {
                    // All rows of a head one after another: they read the same keys and values.
                    let (head, run) = item.quotientAndRemainder(dividingBy: rows.runs.count)
                    let first = rows.runs[run].lowerBound
                    let end = rows.positions[first] + 1
                    let query = attention + first * inputWidth + head * size
                    for row in rows.runs[run] {
                        let cosines = angles + row * 2 * pairs
                        rotate?(query + (row - first) * inputWidth, cosines, cosines + pairs, pairs)
                    }
                    var attended = rows.caches[rows.segments[first]].attended(
                        layer: layer, head: head / (heads / keyValueHeads), positions: max(0, end - window)..<end)
                    kernels.attend(
                        query, inputWidth, rows.runs[run].count, &attended, size, scale,
                        scores + worker * Int(CK_ATTENDING) * rows.longest,
                        output + first * configuration.querySize + head * size, configuration.querySize)
                }
            }
        }
    }

    /// The cosines and sines of each row's position.
    private func fillAngles(_ rows: Rows) {
        let pairs = frequencies.count
        let angles = buffers.angles(rows.count * 2 * pairs)
        for (row, position) in rows.positions.enumerated() {
            for (pair, frequency) in frequencies.enumerated() {
                let angle = Float(position) * frequency
                angles[row * 2 * pairs + pair] = cos(angle)
                angles[row * 2 * pairs + pairs + pair] = sin(angle)
            }
        }
    }

    /// The tokens of all segments, one after another.
    private struct Rows {
        var tokens: [Int] = []
        var positions: [Int] = []
        /// Which segment a row belongs to.
        var segments: [Int] = []
        var caches: [KeyValueCache]
        /// The most positions that a row looks back to, itself included.
        var longest = 1

        /// Stretches of rows that attend together: neighbours in a segment, all of which see it from the same position on.
        var runs: [Range<Int>] = []

        var count: Int { tokens.count }

        /// - Parameter window: The least that any layer has.
        init(_ parts: [Segment], window: Int) {
            caches = parts.map(\.cache)
            for (index, part) in parts.enumerated() {
                var start = tokens.count
                let end = start + part.tokens.count
                while start < end {
                    // The last of a run must not have left the first position behind.
                    let seen = part.position + start - tokens.count + Int(CK_ATTENDING)
                    let next = min(start + (seen > window ? 1 : Int(CK_ATTENDING)), end)
                    runs.append(start..<next)
                    start = next
                }
                tokens += part.tokens
                positions += part.position..<(part.position + part.tokens.count)
                segments += repeatElement(index, count: part.tokens.count)
                longest = max(longest, part.position + part.tokens.count)
            }
        }
    }
}
