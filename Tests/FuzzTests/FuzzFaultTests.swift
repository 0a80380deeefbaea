import Dispatch
import Foundation
import FuzzTargets
import TestSupport
import Testing

/// Readers of hostile input return, whatever they are given; `make fuzz` looks further.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct FuzzFaultTests {
    /// How long inputs are tried on each target.
    private static let time: Duration =
        switch FaultRounds.current {
        case .seconds: .seconds(2)
        case .short: .seconds(10)
        case .full: .seconds(120)
        }

    @Test(arguments: FuzzTarget.all)
    func survivesItsSeedsAndWhatBecomesOfThem(target: FuzzTarget) async throws {
        let seeds = try target.seeds()
        try #require(!seeds.isEmpty)
        // The input that ends the process stays here.
        let last = NSTemporaryDirectory() + "/fuzz-\(target.name)-\(getpid())"
        let file = open(last, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(file >= 0)
        defer {
            close(file)
            unlink(last)
        }
        let count = await withCheckedContinuation { continuation in
            // A target may wait, which the threads of tasks must not.
            DispatchQueue.global().async {
                func feed(_ input: [UInt8]) {
                    _ = input.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, 0) }
                    ftruncate(file, off_t(input.count))
                    target(input)
                }
                for seed in seeds { feed(seed) }
                var mutator = Mutator(seed: 6, name: target.name)
                var count = seeds.count
                let end = ContinuousClock.now + Self.time
                while .now < end {
                    feed(mutator.input(from: seeds))
                    count += 1
                }
                continuation.resume(returning: count)
            }
        }
        print("fuzzed: \(target), \(count) inputs")
    }
}
