import CKernels

/// The kernels of this machine.
enum Kernels {
    /// The fastest that the processor can run.
    nonisolated(unsafe) static let best: UnsafePointer<ck_kernels> = ck_best_kernels()

    static var vector: ck_vector_operations { best.pointee.vector }
}
