import CKernels

/// Attention of new positions to the cached keys and values of their sequences.
enum Attention {
    /// What all sequences of a model have in common.
    struct Shape {
        /// Query heads; query head `h` attends to key-value head `h / (heads / keyValueHeads)`.
        var heads: Int
        var keyValueHeads: Int
        /// Elements of one head.
        var dimension: Int
        /// What scores are multiplied by, usually 1 / √dimension.
        var scale: Float
        /// How many positions, its own included, a query looks back on; all when nil.
        var window: Int?
    }

    enum Storage {
        case float, half

        var byteCount: Int { self == .half ? 2 : 4 }
    }

    /// The new positions of one sequence, `firstPosition ..< firstPosition + count`, whose keys and values are cached
    /// already.
    struct Request {
        /// [count × heads × dimension] with `queryStride` floats from one position to the next.
        var queries: UnsafePointer<Float>
        var queryStride: Int
        var count: Int
        var firstPosition: Int
        /// Position `p` of key-value head `h` is `dimension` elements at h · headStride + p · positionStride elements.
        var keys: UnsafeRawPointer
        var values: UnsafeRawPointer
        var storage: Storage
        var headStride: Int
        var positionStride: Int
        /// Laid out like the queries.
        var output: UnsafeMutablePointer<Float>
        var outputStride: Int
    }

    /// Writes softmax(scale · q · K) V of every request. A position's output is the same to the bit whatever other
    /// positions and sequences come with it, and with any number of threads.
    static func attend(
        _ requests: [Request], shape: Shape, team: WorkerTeam, kernels: UnsafePointer<ck_kernels> = Kernels.best
    ) {
        // One unit of work is one head of one position; their costs grow with the position, so that workers take them in
        // turns rather than in stretches.
        let positions = requests.reduce(0) { $0 + $1.count }
        let longest = requests.map { $0.firstPosition + $0.count }.max() ?? 0
        let group = shape.heads / shape.keyValueHeads
        team.withScratch(shared: 0, each: longest * MemoryLayout<Float>.stride) { scratch in
            team.run { worker in
                let scores = scratch.each(worker).assumingMemoryBound(to: Float.self)
                var unit = 0
                for request in requests {
                    for i in 0..<request.count {
                        let end = request.firstPosition + i + 1
                        let start = shape.window.map { max(0, end - $0) } ?? 0
                        for head in 0..<shape.heads {
                            defer { unit += 1 }
                            // A single position is split by heads in stretches: neighbours share keys and values.
                            let owner =
                                positions == 1 ? head * team.count / shape.heads : unit % team.count
                            guard owner == worker else { continue }
                            let offset = head / group * request.headStride + start * request.positionStride
                            var attended = ck_attended(
                                keys: request.keys + offset * request.storage.byteCount,
                                values: request.values + offset * request.storage.byteCount,
                                stride: request.positionStride, positions: end - start,
                                half: request.storage == .half)
                            kernels.pointee.vector.attend(
                                request.queries + i * request.queryStride + head * shape.dimension, &attended,
                                shape.dimension, shape.scale, scores,
                                request.output + i * request.outputStride + head * shape.dimension)
                        }
                    }
                }
            }
        }
    }
}
