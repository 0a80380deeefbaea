/// The weights of a model as they are multiplied with, in one piece of memory.
///
/// `@unchecked Sendable`: the memory is not written after `init`.
final class PackedWeights: @unchecked Sendable {
    private let plan: [WeightPlan.Key: WeightPlan.Item]
    private let bytes: UnsafeRawBufferPointer
    var byteCount: Int { bytes.count }
    /// What keeps the memory.
    private let holder: AnyObject

    /// - Parameter bytes: As long as the plan, at an address that ``WeightPlan/alignment`` divides.
    init(_ plan: WeightPlan, bytes: UnsafeRawBufferPointer, heldBy holder: AnyObject) {
        precondition(bytes.count == plan.byteCount)
        self.plan = Dictionary(uniqueKeysWithValues: plan.items.map { ($0.key, $0) })
        self.bytes = bytes
        self.holder = holder
    }

    /// `nil` where the model has none.
    func matrix(_ key: WeightPlan.Key) -> PackedMatrix? {
        guard let item = plan[key], case .matrix(let rows, let columns, let quantization) = item.kind else {
            return nil
        }
        let part = UnsafeRawBufferPointer(rebasing: bytes[item.offset..<(item.offset + item.byteCount)])
        return PackedMatrix(rows: rows, columns: columns, quantization: quantization, mapped: part, owner: holder)
    }

    /// `nil` where the model has none.
    func vector(_ key: WeightPlan.Key) -> UnsafePointer<Float>? {
        guard let item = plan[key], case .vector = item.kind, let base = bytes.baseAddress else { return nil }
        return (base + item.offset).assumingMemoryBound(to: Float.self)
    }
}

extension PackedWeights {
    /// Packs the weights of a checkpoint into memory of this process alone.
    ///
    /// - Throws: ``CheckpointError``, or ``KernelError`` when there is no memory.
    convenience init(packing plan: WeightPlan, from checkpoint: Checkpoint, team: WorkerTeam) throws {
        let memory = try WeightMemory(byteCount: plan.byteCount)
        try Self.pack(plan, from: checkpoint, team: team) { item, bytes in
            UnsafeMutableRawBufferPointer(rebasing: memory.bytes[item.offset...]).copyMemory(from: bytes)
        }
        self.init(plan, bytes: UnsafeRawBufferPointer(memory.bytes), heldBy: memory)
    }

    /// Packs the weights of a checkpoint, one item after another, so that little memory is taken at a time.
    ///
    /// - Parameter store: Takes the packed bytes of an item.
    /// - Throws: ``CheckpointError``, or what `store` throws.
    static func pack(
        _ plan: WeightPlan, from checkpoint: Checkpoint, team: WorkerTeam,
        store: (WeightPlan.Item, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        // All problems show before the work begins.
        for item in plan.items { _ = try WeightReader(item, of: checkpoint) }
        for item in plan.items {
            let reader = try WeightReader(item, of: checkpoint)
            switch item.kind {
            case .vector(let count):
                let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
                defer { values.deallocate() }
                reader.readVector(into: values)
                try store(item, UnsafeRawBufferPointer(values))
            case .matrix(let rows, let columns, let quantization):
                let matrix = try PackedMatrix(
                    rows: rows, columns: columns, quantization: quantization, team: team, row: reader.read)
                try store(item, matrix.bytes)
            }
            reader.release(in: checkpoint)
        }
    }
}
