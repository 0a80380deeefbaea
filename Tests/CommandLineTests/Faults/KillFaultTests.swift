import Foundation
import TestSupport
import Testing

/// The service dies at every place of a task, and the task ends as if it had not.
@Suite(.timeLimit(.minutes(30)))
struct KillFaultTests {
    /// How many trials are on at the same time.
    private static let width = 4

    @Test func aTaskEndsTheSameWhereverTheServiceDies() async throws {
        try await CrashGround.run { ground in
            let undisturbed = try await CrashTrial(name: "undisturbed", ground: ground).run([])
            try #require(undisturbed.outcome.status == "COMPLETED", "\(undisturbed)")
            try #require(undisturbed.outcome.patch.contains("\n+one\n+two\n+three\n"))
            try #require(undisturbed.modelCalls.values.allSatisfy { $0 == 1 } && undisturbed.commits == 1)

            var positions: Set<Int> = []
            var deaths = 0
            try await withThrowingTaskGroup(of: CrashTrial.Report.self) { group in
                func check(_ report: CrashTrial.Report) {
                    positions.formUnion(report.positions)
                    deaths += report.lives - 1
                }
                for (number, faults) in Self.faults(calls: undisturbed.modelCalls.count).enumerated() {
                    if number >= Self.width, let report = try await group.next() { check(report) }
                    group.addTask {
                        let report = try await CrashTrial(name: "trial-\(number)", ground: ground).run(faults)
                        Self.check(report, against: undisturbed, after: faults)
                        return report
                    }
                }
                for try await report in group { check(report) }
            }
            print(
                "kills survived: \(deaths), with \(positions.count) different numbers of entries on disk, to \(positions.max() ?? 0)"
            )
        }
    }

    private static func check(
        _ report: CrashTrial.Report, against undisturbed: CrashTrial.Report, after faults: [Fault]
    ) {
        #expect(report.outcome == undisturbed.outcome, "\(faults)")
        #expect(Set(report.modelCalls.keys) == Set(undisturbed.modelCalls.keys), "\(faults)")
        // At most the one call that was in flight when the service died is made again; after a power cut, also the one before it,
        // whose outcome was on its way to the disk.
        let again = faults.prefix(report.lives - 1).reduce(report.brokenOff) { $0 + ($1.losesPower ? 2 : 1) }
        let calls = report.modelCalls.values.reduce(0, +)
        #expect(
            calls <= undisturbed.modelCalls.count + again,
            "\(faults): \(report.modelCalls)")
        #expect(report.branches == 1 && report.commits == 1, "\(faults)")
        #expect(report.leftovers == [], "\(faults)")
    }

    /// Faults, by trial and life. A number that is never reached is a life without a fault.
    private static func faults(calls: Int) -> [[Fault]] {
        let edges: [[Fault]] =
            [
                "/info/refs?service=git-upload-pack", "/git-upload-pack", "/info/refs?service=git-receive-pack",
                "/git-receive-pack",
            ]
            .flatMap { path in [false, true].map { [Fault.git(path, isDone: $0)] } }
            + (1...calls).map { [.modelCall($0)] }
        let syncs = (1...syncCount).flatMap { sync in
            [Fault.Disk.before, .after, .power, .torn].map { [Fault.disk($0, sync)] }
        }
        // Deaths while the service picks up the pieces of earlier ones.
        var generator = SeededGenerator(seed: 6)
        let repeated = (1...20).map { _ in
            (1...4).map { _ in
                Fault.disk(
                    [.before, .after, .power, .torn].randomElement(using: &generator)!,
                    .random(in: 1...25, using: &generator))
            }
        }
        // Not a death: the disk is full for a moment, and the task goes on in the same life.
        let brief = stride(from: 80_000, to: 400_000, by: 40_000).map { [Fault.disk(.brief, $0)] }
        if FaultRounds.current != .seconds { return edges + syncs + repeated + brief }
        return edges.indices.filter { $0 % 3 == 0 }.map { edges[$0] }
            + syncs.indices.filter { $0 % 19 == 0 }.map { syncs[$0] }
            + repeated.prefix(2) + brief.prefix(3).suffix(1)
    }

    /// At least as many as a task without faults makes, the making of the database included.
    private static let syncCount = 60
}
