import CKernels

/// Memory for packed weights: zeroed, aligned, and on huge pages where the kernel grants them.
///
/// `@unchecked Sendable`: writers fill disjoint parts before anyone reads.
final class WeightMemory: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer

    init(byteCount: Int) throws {
        guard let memory = ck_allocate(max(byteCount, 1)) else {
            throw KernelError("There is no memory for \(byteCount >> 20) MiB of weights.")
        }
        bytes = UnsafeMutableRawBufferPointer(start: memory, count: byteCount)
    }

    deinit {
        ck_free(bytes.baseAddress, max(bytes.count, 1))
    }
}
