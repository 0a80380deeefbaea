import Dispatch
import FuzzTargets
import Testing

/// Readers of hostile input return, whatever they are given; `make fuzz` looks further.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct FuzzTests {
    @Test(arguments: FuzzTarget.all)
    func survivesItsSeedsAndWhatBecomesOfThem(target: FuzzTarget) async throws {
        let seeds = try target.seeds()
        #expect(!seeds.isEmpty)
        await withCheckedContinuation { continuation in
            // A target may wait, which the threads of tasks must not.
            DispatchQueue.global().async {
                for seed in seeds { target(seed) }
                var mutator = Mutator(seed: 6)
                for _ in 0..<target.trials { target(mutator.input(from: seeds)) }
                continuation.resume()
            }
        }
    }
}
