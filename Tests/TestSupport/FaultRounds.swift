import Foundation

/// How thorough the tests with faults are: `FAULTS=full` for the long rounds, `FAULTS=short` for rounds of a few minutes,
/// and without it those that take seconds.
public enum FaultRounds: String, Sendable {
    case full, short, seconds

    public static let current =
        ProcessInfo.processInfo.environment["FAULTS"].flatMap(FaultRounds.init(rawValue:)) ?? .seconds
}

/// Numbers that look random and are the same in each run (SplitMix64, https://prng.di.unimi.it/splitmix64.c).
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    /// A generator of its own for a name (FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/).
    public init(seed: UInt64, name: String) {
        state = name.utf8.reduce(seed ^ 0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
