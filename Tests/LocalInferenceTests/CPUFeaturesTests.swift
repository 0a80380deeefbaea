import CKernels
import Foundation
import Testing

@Suite struct CPUFeaturesTests {
    #if os(Linux) && arch(x86_64)
    @Test func agreeWithTheKernelsOwnList() throws {
        let list = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
        let flags = Set(try #require(list.split(separator: "\n").first { $0.hasPrefix("flags") }).split(separator: " "))
        let features = ck_detect_cpu_features()
        #expect(features.avx2 == flags.isSuperset(of: ["avx2", "fma", "f16c"]))
        #expect(features.avx512 == flags.isSuperset(of: ["avx512f", "avx512bw", "avx512dq", "avx512vl"]))
        #expect(features.avx512_vnni == flags.isSuperset(of: ["avx512f", "avx512_vnni"]))
        #expect(features.avx512_bf16 == flags.isSuperset(of: ["avx512f", "avx512_bf16"]))
        #expect(!features.neon)
    }
    #endif
}
