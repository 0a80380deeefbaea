import CKernels
import Synchronization

/// A matrix of weights, `rows` outputs by `columns` inputs, laid out for the kernels (see `ck_matrix.h`).
///
/// `@unchecked Sendable`: the bytes are written while it is made and only read from then on.
final class PackedMatrix: @unchecked Sendable {
    /// Names the layout of `bytes`; another one cannot be read.
    static let layout = "panel16-1"

    let rows: Int
    let columns: Int
    let quantization: Quantization
    let bytes: UnsafeRawBufferPointer
    /// What holds `bytes`.
    private let owner: AnyObject

    static func byteCount(rows: Int, columns: Int, quantization: Quantization) -> Int {
        ck_panels(rows) * ck_panel_bytes(quantization.format, columns)
    }

    /// Packs a matrix into memory of its own, or into `memory`, which then has `byteCount` bytes and is held by `owner`.
    ///
    /// `row` writes the numbers of one row into the buffer, of `columns` elements; several threads call it at once. The
    /// first error it throws is rethrown.
    init(
        rows: Int, columns: Int, quantization: Quantization,
        into memory: (bytes: UnsafeMutableRawBufferPointer, owner: AnyObject)? = nil, team: WorkerTeam,
        row: (Int, UnsafeMutableBufferPointer<Float>) throws -> Void
    ) throws {
        let size = Self.byteCount(rows: rows, columns: columns, quantization: quantization)
        let target: UnsafeMutableRawBufferPointer
        if let memory {
            precondition(memory.bytes.count == size)
            (target, owner) = memory
        } else {
            let own = try WeightMemory(byteCount: size)
            (target, owner) = (own.bytes, own)
        }
        (self.rows, self.columns, self.quantization) = (rows, columns, quantization)
        bytes = UnsafeRawBufferPointer(target)
        guard size > 0 else { return }
        let failure = Mutex<(any Error)?>(nil)
        let panelRows = CK_PANEL_ROWS
        let panelBytes = ck_panel_bytes(quantization.format, columns)
        team.split(ck_panels(rows)) { panels in
            let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: panelRows * columns)
            defer { floats.deallocate() }
            for panel in panels {
                let members = panel * panelRows..<min(rows, (panel + 1) * panelRows)
                do {
                    for member in members {
                        let start = (member - members.lowerBound) * columns
                        try row(member, UnsafeMutableBufferPointer(rebasing: floats[start..<start + columns]))
                    }
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                    return
                }
                ck_pack_panel(
                    quantization.format, floats.baseAddress, members.count, columns,
                    target.baseAddress!.advanced(by: panel * panelBytes).assumingMemoryBound(to: UInt8.self))
            }
        }
        if let error = failure.withLock({ $0 }) {
            throw error
        }
    }

    /// A matrix that was packed before, in the same `layout`; `owner` keeps the bytes in place.
    ///
    /// The bytes are not trusted with more than the numbers in them: any `byteCount` bytes are some matrix.
    init(rows: Int, columns: Int, quantization: Quantization, mapped bytes: UnsafeRawBufferPointer, owner: AnyObject) {
        precondition(bytes.count == Self.byteCount(rows: rows, columns: columns, quantization: quantization))
        (self.rows, self.columns, self.quantization) = (rows, columns, quantization)
        self.bytes = bytes
        self.owner = owner
    }

    /// One row as floats, as near to what was packed as the quantization is.
    func copyRow(_ row: Int, into values: UnsafeMutablePointer<Float>) {
        precondition((0..<rows).contains(row))
        let panelRows = CK_PANEL_ROWS
        let panel = weights.advanced(by: row / panelRows * ck_panel_bytes(quantization.format, columns))
        ck_unpack_row(quantization.format, panel, row % panelRows, columns, values)
    }

    var weights: UnsafePointer<UInt8> {
        bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)
    }
}

extension Quantization {
    var format: ck_format {
        switch self {
        case .fp32: CK_FP32
        case .bf16: CK_BF16
        case .int8: CK_INT8
        case .int4: CK_INT4
        }
    }
}
