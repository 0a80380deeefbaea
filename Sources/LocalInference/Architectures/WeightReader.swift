import CKernels

/// Reads the numbers of a plan's item from the checkpoint, whatever their type and wherever the tensors are split.
struct WeightReader {
    private let item: WeightPlan.Item
    private let tensors: [CheckpointTensor]
    /// The index of the first row of each tensor, and past the last.
    private let starts: [Int]
    private let columns: Int

    /// - Throws: ``CheckpointError``: a tensor is missing, or has another shape or type than it should.
    init(_ item: WeightPlan.Item, of checkpoint: Checkpoint) throws(CheckpointError) {
        self.item = item
        var tensors: [CheckpointTensor] = []
        var starts = [0]
        let expected: (rows: Int, columns: Int) =
            switch item.kind {
            case .matrix(let rows, let columns, _): (rows, columns)
            case .vector(let count): (count, 1)
            }
        for name in item.tensors {
            let tensor = try checkpoint.tensor(name)
            let shape = tensor.shape
            let isVector = if case .vector = item.kind { true } else { false }
            guard isVector ? shape.count == 1 : shape.count == 2 && shape[1] == expected.columns,
                shape[0] <= expected.rows - starts.last!
            else { throw Self.wrongShape(tensor, of: item) }
            if case .other(let type) = tensor.elementType {
                throw CheckpointError(
                    "the tensor \(name.quoted) holds \(type), which no weight can be; is it of another architecture?")
            }
            tensors.append(tensor)
            starts.append(starts.last! + shape[0])
        }
        guard starts.last == expected.rows else { throw Self.wrongShape(tensors[0], of: item) }
        self.tensors = tensors
        self.starts = starts
        columns = expected.columns
    }

    private static func wrongShape(_ tensor: CheckpointTensor, of item: WeightPlan.Item) -> CheckpointError {
        let wanted =
            switch item.kind {
            case .matrix(let rows, let columns, _): "\(rows) × \(columns)"
            case .vector(let count): "\(count)"
            }
        let shape = tensor.shape.map(String.init).joined(separator: " × ")
        let part = item.tensors.count > 1 ? "a part of " : ""
        return CheckpointError(
            """
            the tensor \(tensor.name.quoted) is \(shape), which is not \(part)the \(wanted) that config.json asks for
            """)
    }

    /// Writes a row of a matrix, or with `columns` 1 an element of a vector, as floats.
    func read(row: Int, into target: UnsafeMutableBufferPointer<Float>) {
        let row = item.order?(row) ?? row
        var index = 0
        while row >= starts[index + 1] { index += 1 }
        Self.read(tensors[index], from: (row - starts[index]) * columns, into: target)
    }

    /// All elements of a vector.
    func readVector(into target: UnsafeMutableBufferPointer<Float>) {
        for (index, tensor) in tensors.enumerated() {
            Self.read(
                tensor, from: 0, into: UnsafeMutableBufferPointer(rebasing: target[starts[index]..<starts[index + 1]]))
        }
    }

    private static func read(
        _ tensor: CheckpointTensor, from first: Int, into target: UnsafeMutableBufferPointer<Float>
    ) {
        let count = target.count
        switch tensor.elementType {
        case .float32:
            let source = UnsafeRawBufferPointer(rebasing: tensor.bytes[(first * 4)..<((first + count) * 4)])
            UnsafeMutableRawBufferPointer(target).copyMemory(from: source)
        case .float16, .bfloat16:
            let source = UnsafeRawBufferPointer(rebasing: tensor.bytes[(first * 2)..<((first + count) * 2)])
                .assumingMemoryBound(to: UInt16.self)
            if tensor.elementType == .float16 {
                Kernels.vector.float_from_half(source.baseAddress, count, target.baseAddress)
            } else {
                Kernels.vector.float_from_bfloat(source.baseAddress, count, target.baseAddress)
            }
        case .other:
            preconditionFailure("refused when the reader was made")
        }
    }

    /// Lets go of the pages that have been read.
    func release(in checkpoint: Checkpoint) {
        for tensor in tensors { checkpoint.release(tensor) }
    }
}
