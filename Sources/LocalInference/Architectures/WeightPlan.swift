/// All weights of a model in the order in which they are packed, and which tensors of the checkpoint each is made of.
struct WeightPlan {
    struct Item {
        var key: Key
        var kind: Kind
        /// Matrices are stacked, vectors joined.
        var tensors: [String]
        /// Where the row of a packed matrix, or the element of a packed vector, is in the stack of tensors; `nil`: there.
        var order: (@Sendable (Int) -> Int)?
        /// Of the packed form, from the start of all items.
        var offset = 0
        var byteCount = 0
    }

    enum Kind: Hashable {
        case matrix(rows: Int, columns: Int, Quantization)
        case vector(Int)
    }

    enum Key: Hashable {
        case embedding, head, headBias
        case finalNorm, finalNormBias
        case layer(Int, Part)

        enum Part: Hashable {
            case attentionNorm, attentionNormBias, mlpNorm, mlpNormBias
            case attentionInput, attentionInputBias, attentionOutput, attentionOutputBias
            case mlpGate, mlpGateBias, mlpInput, mlpInputBias, mlpOutput, mlpOutputBias
        }
    }

    /// What every packed item begins at a multiple of.
    static let alignment = 64

    private(set) var items: [Item] = []
    private(set) var byteCount = 0

    init(_ configuration: ModelConfiguration, _ quantization: Quantization) {
        let names = configuration.architecture
        let width = configuration.hiddenSize
        let vocabulary = configuration.vocabularySize
        // Rows of the embedding are looked up, not multiplied with: four bits less make it smaller and not faster.
        let embedding: Quantization = quantization == .int4 ? .int8 : quantization
        addMatrix(.embedding, rows: vocabulary, columns: width, embedding, [names.embedding])
        for layer in 0..<configuration.layerCount {
            add(layer: layer, configuration, quantization)
        }
        addNorm(.finalNorm, .finalNormBias, configuration, names.finalNorm)
        if !configuration.hasTiedHead {
            addMatrix(.head, rows: vocabulary, columns: width, quantization, [names.head])
        }
        if configuration.biases.head { addVector(.headBias, vocabulary, [names.head + ".bias"]) }
    }

    private mutating func add(layer: Int, _ configuration: ModelConfiguration, _ quantization: Quantization) {
        let names = configuration.architecture.names(ofLayer: layer)
        let width = configuration.hiddenSize
        let queries = configuration.querySize
        let inputs = queries + 2 * configuration.keyValueSize
        let middle = configuration.intermediateSize
        let biases = configuration.biases
        func key(_ part: Key.Part) -> Key { .layer(layer, part) }

        addNorm(key(.attentionNorm), key(.attentionNormBias), configuration, names.attentionNorm)
        let order = configuration.architecture == .codegen ? Self.codegenOrder(configuration) : nil
        addMatrix(
            key(.attentionInput), rows: inputs, columns: width, quantization, names.attentionInputs, order: order)
        if biases.attentionInput {
            addVector(key(.attentionInputBias), inputs, names.attentionInputs.map { $0 + ".bias" })
        }
        addMatrix(key(.attentionOutput), rows: width, columns: queries, quantization, [names.attentionOutput])
        if biases.attentionOutput { addVector(key(.attentionOutputBias), width, [names.attentionOutput + ".bias"]) }
        if let norm = names.mlpNorm { addNorm(key(.mlpNorm), key(.mlpNormBias), configuration, norm) }
        if let gate = names.mlpGate {
            addMatrix(key(.mlpGate), rows: middle, columns: width, quantization, [gate])
            if biases.mlp { addVector(key(.mlpGateBias), middle, [gate + ".bias"]) }
        }
        addMatrix(key(.mlpInput), rows: middle, columns: width, quantization, [names.mlpInput])
        if biases.mlp { addVector(key(.mlpInputBias), middle, [names.mlpInput + ".bias"]) }
        addMatrix(key(.mlpOutput), rows: width, columns: middle, quantization, [names.mlpOutput])
        if biases.mlp { addVector(key(.mlpOutputBias), width, [names.mlpOutput + ".bias"]) }
    }

    /// Queries, keys and values in this order; CodeGen's checkpoints have four blocks of queries, values and keys.
    private static func codegenOrder(_ configuration: ModelConfiguration) -> @Sendable (Int) -> Int {
        let width = configuration.hiddenSize
        let blockWidth = width / 4
        return { row in
            let place = [0, 2, 1][row / width]
            let (block, rest) = (row % width).quotientAndRemainder(dividingBy: blockWidth)
            return block * 3 * blockWidth + place * blockWidth + rest
        }
    }

    private mutating func addMatrix(
        _ key: Key, rows: Int, columns: Int, _ quantization: Quantization, _ names: [String],
        order: (@Sendable (Int) -> Int)? = nil
    ) {
        add(
            Item(
                key: key, kind: .matrix(rows: rows, columns: columns, quantization),
                tensors: names.map { $0 + ".weight" }, order: order),
            byteCount: PackedMatrix.byteCount(rows: rows, columns: columns, quantization: quantization))
    }

    private mutating func addNorm(_ weight: Key, _ bias: Key, _ configuration: ModelConfiguration, _ name: String) {
        addVector(weight, configuration.hiddenSize, [name + ".weight"])
        if configuration.norm == .layerNorm { addVector(bias, configuration.hiddenSize, [name + ".bias"]) }
    }

    private mutating func addVector(_ key: Key, _ count: Int, _ tensors: [String]) {
        add(Item(key: key, kind: .vector(count), tensors: tensors), byteCount: count * MemoryLayout<Float>.size)
    }

    private mutating func add(_ item: Item, byteCount size: Int) {
        var item = item
        item.offset = byteCount
        item.byteCount = size
        items.append(item)
        byteCount += (size + Self.alignment - 1) / Self.alignment * Self.alignment
    }
}
