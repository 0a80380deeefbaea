import CKernels

/// The keys and values of one sequence, for all layers.
///
/// Of each layer and key-value head, first the keys of all positions one after another, then the values.
final class KeyValueCache {
    /// The most positions.
    let capacity: Int
    private let memory: WeightMemory
    private let shape: Shape

    struct Shape: Hashable {
        var layers: Int
        var heads: Int
        var headSize: Int
        /// Whether numbers are kept in half precision: in single where the weights are, too.
        var isHalf: Bool

        init(_ configuration: ModelConfiguration, _ quantization: Quantization) {
            layers = configuration.layerCount
            heads = configuration.keyValueHeadCount
            headSize = configuration.headSize
            isHalf = quantization != .fp32
        }

        var elementSize: Int { isHalf ? 2 : 4 }
        /// Of one position.
        var byteCount: Int { 2 * layers * heads * headSize * elementSize }
    }

    /// - Throws: ``KernelError``: there is no memory.
    init(_ shape: Shape, capacity: Int) throws {
        self.shape = shape
        self.capacity = capacity
        let (size, overflow) = shape.byteCount.multipliedReportingOverflow(by: capacity)
        guard !overflow else { throw KernelError("there is no memory for so many tokens") }
        memory = try WeightMemory(byteCount: size)
    }

    private func byteOffset(layer: Int, head: Int) -> Int {
        (layer * shape.heads + head) * 2 * capacity * shape.headSize * shape.elementSize
    }

    var byteCount: Int { memory.bytes.count }

    /// Keeps the key and value of a head at a position.
    func store(
        layer: Int, head: Int, position: Int, key: UnsafePointer<Float>, value: UnsafePointer<Float>,
        _ kernels: ck_vector_operations
    ) {
        precondition(position < capacity)
        let size = shape.headSize
        let keys = memory.bytes.baseAddress! + byteOffset(layer: layer, head: head)
        let values = keys + capacity * size * shape.elementSize
        if shape.isHalf {
            kernels.half_from_float(key, size, keys.assumingMemoryBound(to: UInt16.self) + position * size)
            kernels.half_from_float(value, size, values.assumingMemoryBound(to: UInt16.self) + position * size)
        } else {
            keys.assumingMemoryBound(to: Float.self).advanced(by: position * size).update(from: key, count: size)
            values.assumingMemoryBound(to: Float.self).advanced(by: position * size).update(from: value, count: size)
        }
    }

    /// What a query at the last of `positions` attends to.
    func attended(layer: Int, head: Int, positions: Range<Int>) -> ck_attended {
        precondition(positions.upperBound <= capacity)
        let start = positions.lowerBound * shape.headSize * shape.elementSize
        let keys = memory.bytes.baseAddress! + byteOffset(layer: layer, head: head) + start
        return ck_attended(
            keys: keys, values: keys + capacity * shape.headSize * shape.elementSize, stride: shape.headSize,
            positions: positions.count, half: shape.isHalf)
    }

    /// Takes over the first positions of another cache of the same model.
    func copy(from other: KeyValueCache, count: Int) {
        precondition(shape == other.shape && count <= capacity && count <= other.capacity)
        let row = shape.headSize * shape.elementSize
        for part in 0..<2 * shape.layers * shape.heads {
            (memory.bytes.baseAddress! + part * capacity * row).copyMemory(
                from: other.memory.bytes.baseAddress! + part * other.capacity * row, byteCount: count * row)
        }
    }
}
