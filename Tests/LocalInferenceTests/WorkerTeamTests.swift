import Synchronization
import Testing

@testable import LocalInference

@Suite struct WorkerTeamTests {
    @Test(arguments: [1, 2, 3, 8]) func callsEveryWorkerOnce(threads: Int) throws {
        let team = try WorkerTeam(threads: threads)
        for _ in 0..<200 {
            let calls = (0..<threads).map { _ in Counter() }
            team.run { calls[$0].value.add(1, ordering: .relaxed) }
            #expect(calls.allSatisfy { $0.value.load(ordering: .relaxed) == 1 })
        }
    }

    @Test(arguments: [1, 2, 3, 5], [0, 1, 2, 7, 64, 1001]) func splitsWithoutGapOrOverlap(threads: Int, count: Int)
        throws
    {
        let team = try WorkerTeam(threads: threads)
        for grain in [1, 4, 16] {
            let shares = Mutex<[Range<Int>]>([])
            team.split(count, grain: grain) { share in shares.withLock { $0.append(share) } }
            let sorted = shares.withLock { $0 }.sorted { $0.lowerBound < $1.lowerBound }
            #expect(sorted.flatMap { Array($0) } == Array(0..<count))
            #expect(sorted.allSatisfy { $0.lowerBound % grain == 0 })
        }
    }

    @Test func workersMeetAtTheBarrier() throws {
        let team = try WorkerTeam(threads: 3)
        let arrived = Atomic(0)
        let late = Atomic(0)
        for round in 1...500 {
            team.run { _ in
                arrived.add(1, ordering: .sequentiallyConsistent)
                team.barrier()
                if arrived.load(ordering: .sequentiallyConsistent) < round * 3 {
                    late.add(1, ordering: .relaxed)
                }
                team.barrier()
            }
        }
        #expect(late.load(ordering: .relaxed) == 0)
    }

    @Test func callersTakeTurns() async throws {
        let team = try WorkerTeam(threads: 2)
        let inside = Counter()
        let mixed = Counter()
        await withTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<100 {
                        team.run { _ in
                            if inside.value.add(1, ordering: .sequentiallyConsistent).newValue > 2 {
                                mixed.value.add(1, ordering: .relaxed)
                            }
                            team.barrier()
                            inside.value.subtract(1, ordering: .sequentiallyConsistent)
                        }
                    }
                }
            }
        }
        #expect(mixed.value.load(ordering: .relaxed) == 0)
    }

    @Test func wakesAfterItSlept() async throws {
        let team = try WorkerTeam(threads: 2)
        let calls = Atomic(0)
        for round in 1...3 {
            // Longer than a worker spins.
            try await Task.sleep(for: .milliseconds(5))
            team.run { _ in _ = calls.add(1, ordering: .relaxed) }
            #expect(calls.load(ordering: .relaxed) == 2 * round)
        }
    }

    @Test(arguments: [0, -1]) func refusesToHaveNoThreads(threads: Int) {
        #expect(throws: KernelError.self) { try WorkerTeam(threads: threads) }
    }
}

/// An atomic that an array can hold.
private final class Counter: Sendable {
    let value = Atomic(0)
}
