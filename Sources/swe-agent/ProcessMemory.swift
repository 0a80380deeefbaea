import Foundation

/// What other processes of the same user can read of this one.
enum ProcessMemory {
    /// Closes `/proc/<pid>/environ` and `/proc/<pid>/mem` of this process, where its keys are, to programs that run beside
    /// it without isolation (`PR_SET_DUMPABLE`, prctl(2)). What it starts is not affected.
    static func hide() {
        #if os(Linux)
        // Swift imports no variadic functions; for integer arguments this is how C calls it on x86-64 and AArch64.
        typealias Control = @convention(c) (CInt, CUnsignedLong, CUnsignedLong, CUnsignedLong, CUnsignedLong) -> CInt
        guard let symbol = dlsym(nil, "prctl") else { return }
        let setDumpable: CInt = 4
        _ = unsafeBitCast(symbol, to: Control.self)(setDumpable, 0, 0, 0, 0)
        #endif
    }
}
