import CLibFuzzer
import Foundation
import FuzzTargets

/// libFuzzer on the target that the variable `FUZZ_TARGET` names.
@main
enum Fuzzer {
    fileprivate static let target: FuzzTarget = {
        let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
        guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
            fatalError("set FUZZ_TARGET to one of \(FuzzTarget.all.map(\.name).joined(separator: ", "))")
        }
        return target
    }()

    static func main() {
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        exit(LLVMFuzzerRunDriver(&count, &arguments) { data, size in testOneInput(data, size) })
    }
}

/// What libFuzzer calls with each input; the main function that it brings wants it by this name.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    Fuzzer.target(Array(UnsafeBufferPointer(start: data, count: size)))
    return 0
}
