import CKernels
import Synchronization

/// Working memory of one multiplication: a part that all workers share and a part for each.
struct WorkerScratch {
    let shared: UnsafeMutableRawPointer
    fileprivate let parts: UnsafeMutableRawPointer
    fileprivate let partBytes: Int

    func each(_ worker: Int) -> UnsafeMutableRawPointer {
        parts + worker * partBytes
    }
}

/// Scratch memory that is kept for the next who needs some.
///
/// `@unchecked Sendable`: a piece is with one borrower or in the pool, never both.
final class ScratchPool: @unchecked Sendable {
    private struct Piece: @unchecked Sendable {
        let bytes: UnsafeMutableRawBufferPointer
    }

    private let pieces = Mutex<[Piece]>([])

    deinit {
        for piece in pieces.withLock({ $0 }) {
            piece.bytes.deallocate()
        }
    }

    func borrow<Result>(byteCount: Int, _ body: (UnsafeMutableRawPointer) -> Result) -> Result {
        var bytes = pieces.withLock { $0.popLast() }?.bytes
        if let tooSmall = bytes, tooSmall.count < byteCount {
            tooSmall.deallocate()
            bytes = nil
        }
        let memory = bytes ?? .allocate(byteCount: byteCount, alignment: 64)
        defer {
            let piece = Piece(bytes: memory)
            pieces.withLock { $0.append(piece) }
        }
        return body(memory.baseAddress!)
    }
}

extension WorkerTeam {
    /// Lends working memory, uninitialised, of so many bytes for all together and so many more for each worker.
    func withScratch(shared: Int, each: Int, _ body: (WorkerScratch) -> Void) {
        let line = 64
        let sharedBytes = (shared + line - 1) / line * line
        let partBytes = (each + line - 1) / line * line
        scratch.borrow(byteCount: max(line, sharedBytes + partBytes * count)) { memory in
            body(WorkerScratch(shared: memory, parts: memory + sharedBytes, partBytes: partBytes))
        }
    }
}
