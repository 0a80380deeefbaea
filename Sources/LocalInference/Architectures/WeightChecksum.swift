import CKernels

/// A checksum of packed weights that several threads can work out together: of pieces of each item, then of those.
enum WeightChecksum {
    private static let piece = 1 << 20

    /// Of one item.
    static func value(of bytes: UnsafeRawBufferPointer) -> UInt64 {
        combine(pieces(of: 0..<bytes.count).map { ck_checksum(bytes.baseAddress! + $0.lowerBound, $0.count) })
    }

    /// Of all items of a plan.
    static func values(of plan: WeightPlan, in bytes: UnsafeRawBufferPointer, team: WorkerTeam) -> [UInt64] {
        let piecesOfItems = plan.items.map { pieces(of: $0.offset..<($0.offset + $0.byteCount)) }
        let all = piecesOfItems.flatMap(\.self)
        var sums = [UInt64](repeating: 0, count: all.count)
        sums.withUnsafeMutableBufferPointer { sums in
            team.split(all.count) { share in
                for index in share {
                    sums[index] = ck_checksum(bytes.baseAddress! + all[index].lowerBound, all[index].count)
                }
            }
        }
        var next = 0
        return piecesOfItems.map { pieces in
            defer { next += pieces.count }
            return combine(Array(sums[next..<next + pieces.count]))
        }
    }

    static func combine(_ sums: [UInt64]) -> UInt64 {
        var hash = FNV1a()
        for sum in sums { hash.combine(sum) }
        return hash.value
    }

    private static func pieces(of range: Range<Int>) -> [Range<Int>] {
        stride(from: range.lowerBound, to: range.upperBound, by: piece).map {
            $0..<min($0 + piece, range.upperBound)
        }
    }
}
