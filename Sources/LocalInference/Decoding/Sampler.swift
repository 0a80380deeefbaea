import Foundation

/// Chooses the tokens of one sequence.
///
/// The logits are changed in Transformers' order: repetition penalty, temperature, top-k, top-p. Each token takes one
/// random number, so a token does not depend on how the ones before it were computed.
struct Sampler {
    /// A token that may come next.
    struct Candidate: Equatable {
        var token: Int
        /// Before ``Sampler/draw(_:)``, not normalised.
        var weight: Float
    }

    private let options: SamplingOptions
    private var random: SplitMix64
    /// The tokens that the repetition penalty applies to, each once.
    private var seen: [Int] = []
    private var isSeen: [Bool]
    private var candidates: [Candidate] = []

    init(_ options: SamplingOptions, vocabularySize: Int) {
        self.options = options
        random = SplitMix64(state: options.seed)
        isSeen = options.repetitionPenalty == 1 ? [] : Array(repeating: false, count: vocabularySize)
    }

    /// Takes note of a token of the prompt or of the continuation.
    mutating func note(_ token: Int) {
        guard !isSeen.isEmpty, !isSeen[token] else { return }
        isSeen[token] = true
        seen.append(token)
    }

    /// The next token.
    ///
    /// - Parameter logits: One number a token of the vocabulary; they are changed.
    mutating func next(_ logits: UnsafeMutableBufferPointer<Float>) -> Int {
        penalize(logits)
        if options.temperature == 0 { return Self.mostLikely(logits) }
        collectCandidates(logits)
        return draw(candidates)
    }

    /// The candidates that sampling draws from, most likely first, with their probabilities.
    mutating func distribution(_ logits: UnsafeMutableBufferPointer<Float>) -> [Candidate] {
        penalize(logits)
        collectCandidates(logits)
        let total = candidates.reduce(0) { $0 + $1.weight }
        return candidates.map { Candidate(token: $0.token, weight: $0.weight / total) }.sorted(by: Self.isBefore)
    }

    private func penalize(_ logits: UnsafeMutableBufferPointer<Float>) {
        let penalty = options.repetitionPenalty
        for token in seen {
            let logit = logits[token]
            logits[token] = logit < 0 ? logit * penalty : logit / penalty
        }
    }

    /// The token of the greatest logit, the first of equals.
    static func mostLikely(_ logits: UnsafeMutableBufferPointer<Float>) -> Int {
        var best = 0
        for token in logits.indices where logits[token] > logits[best] { best = token }
        return best
    }
}

extension Sampler {
    private static func isBefore(_ a: Candidate, _ b: Candidate) -> Bool {
        a.weight != b.weight ? a.weight > b.weight : a.token < b.token
    }

    /// Leaves in ``candidates`` what temperature, top-k and top-p leave.
    private mutating func collectCandidates(_ logits: UnsafeMutableBufferPointer<Float>) {
        let greatest = logits[Self.mostLikely(logits)]
        candidates.removeAll(keepingCapacity: true)
        if options.topK > 0, options.topK < logits.count {
            let least = Self.value(ofRank: options.topK, in: logits)
            for token in logits.indices where logits[token] >= least {
                candidates.append(Candidate(token: token, weight: weight(logits[token], greatest)))
            }
        } else {
            // What is this much less likely than the best has no weight in single precision.
            let least = greatest - 104 * options.temperature
            for token in logits.indices where logits[token] >= least {
                candidates.append(Candidate(token: token, weight: weight(logits[token], greatest)))
            }
        }
        if options.topP < 1 { keepNucleus() }
    }

    private func weight(_ logit: Float, _ greatest: Float) -> Float {
        // Without numbers (a damaged model) every token weighs nothing, and the first is drawn.
        let weight = exp((logit - greatest) / options.temperature)
        return weight.isFinite ? weight : 0
    }

    /// Drops the least likely candidates that are not needed to reach top-p.
    ///
    /// Nothing is sorted: a nucleus may hold most of the vocabulary. The weights are counted by their highest bits, in whose
    /// order they are, then those where the sum is reached by the next ones.
    private mutating func keepNucleus() {
        var wanted = Double(options.topP) * candidates.reduce(0.0) { $0 + Double($1.weight) }
        var undecided = candidates
        candidates.removeAll(keepingCapacity: true)
        for shift: UInt32 in [20, 10, 0] {
            func bucket(_ candidate: Candidate) -> Int { Int(candidate.weight.bitPattern >> shift & 1023) }
            var sums = Array(repeating: 0.0, count: 1024)
            for candidate in undecided { sums[bucket(candidate)] += Double(candidate.weight) }
            var last = 1023
            while last > 0, sums[last] < wanted {
                wanted -= sums[last]
                last -= 1
            }
            candidates += undecided.lazy.filter { bucket($0) > last }
            undecided.removeAll { bucket($0) != last }
        }
        // These weigh the same.
        for candidate in undecided where wanted > 0 {
            candidates.append(candidate)
            wanted -= Double(candidate.weight)
        }
    }

    /// The logit that only `rank` - 1 others exceed.
    private static func value(ofRank rank: Int, in logits: UnsafeMutableBufferPointer<Float>) -> Float {
        var greatest: [Float] = []
        greatest.reserveCapacity(4 * rank)
        var least = -Float.infinity
        for logit in logits where logit > least {
            greatest.append(logit)
            if greatest.count == 4 * rank { least = keep(rank, of: &greatest) }
        }
        return keep(rank, of: &greatest)
    }

    private static func keep(_ count: Int, of values: inout [Float]) -> Float {
        values.sort(by: >)
        values.removeLast(max(0, values.count - count))
        return values.last ?? -.infinity
    }

    private mutating func draw(_ candidates: [Candidate]) -> Int {
        var rest = random.nextFraction() * candidates.reduce(0.0) { $0 + Double($1.weight) }
        for candidate in candidates {
            rest -= Double(candidate.weight)
            if rest < 0 { return candidate.token }
        }
        return candidates.last?.token ?? 0
    }
}

/// A generator of random numbers with a seed. Source: Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators" (2014).
struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, and not including, 1.
    mutating func nextFraction() -> Double {
        Double(next() >> 11) * 0x1p-53
    }
}
