import Foundation
import Subprocess
import SystemPackage
import TestSupport
import Testing

@testable import swe_agent

/// Where groups can be made as systemd makes those of units.
private enum Delegation {
    static let root = "/sys/fs/cgroup"

    static let isPossible: Bool = {
        let controllers = (try? String(contentsOfFile: root + "/cgroup.subtree_control", encoding: .utf8)) ?? ""
        return ["memory", "pids"].allSatisfy(controllers.contains) && access(root + "/cgroup.procs", W_OK) == 0
    }()
}

/// Control groups of version 2 as a systemd unit has them: with `Delegate=yes`, the service is in a group of its own, which
/// it may divide. What the limits keep, `LimitTests` show.
@Suite(
    .enabled(if: Delegation.isPossible, "control groups of version 2 with memory and pids can be made here"))
struct ControlGroupTests {
    /// Does the example task in a group of its own, after a command of the shell that starts it.
    private func run(after command: String) async throws -> (outcome: Program.Outcome, groups: [String]) {
        let group = Delegation.root + "/swe-agent-test-" + String(UInt64.random(in: .min ... .max), radix: 16)
        try FileManager.default.createDirectory(atPath: group, withIntermediateDirectories: false)
        defer {
            try? Data("1".utf8).write(to: URL(filePath: group + "/cgroup.kill"))
            for part in ["/swe-agent-service", "/swe-agent-sandboxes"] { rmdir(group + part) }
            while rmdir(group) != 0, errno == EBUSY { usleep(1000) }
        }
        return try await withFolder { folder in
            try await ExampleRepository.make(at: folder + "/calculator")
            try ExampleRepository.trajectory.write(to: URL(filePath: folder + "/recording.jsonl"))
            let script = "echo 0 >'\(group)/cgroup.procs' && { \(command)\n exec \"$0\" \"$@\"; }"
            let result = try await Subprocess.run(
                .path("/bin/sh"),
                arguments: Arguments([
                    "-c", script, Program.path, "run", "--repo", "calculator", "--goal", "Make the tests pass again",
                    "--model", "replay/recording.jsonl",
                ]),
                environment: Program.environment([:]), workingDirectory: FilePath(folder), input: .none,
                output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
            let groups = try FileManager.default.subpathsOfDirectory(atPath: group)
                .filter { ($0 as NSString).lastPathComponent.hasPrefix("swe-agent") }
            return (
                Program.Outcome(
                    exitCode: result.terminationStatus.code, output: result.standardOutput,
                    errors: result.standardError), groups
            )
        }
    }

    @Test func whoeverIsAloneInAGroupDividesIt() async throws {
        let (outcome, groups) = try await run(after: ":")
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(!outcome.errors.contains("is limited for each process"), "\(outcome.errors)")
        // Nothing of the task is left.
        #expect(Set(groups) == ["swe-agent-service", "swe-agent-sandboxes"])
    }

    @Test func whereOthersAreInTheGroupALineSaysSo() async throws {
        let (outcome, groups) = try await run(after: "sleep 600 >/dev/null 2>&1 &")
        #expect(outcome.exitCode == 0, "\(outcome)")
        let lines = outcome.errors.split(separator: "\n").filter { $0.contains("is limited for each process") }
        #expect(lines.count == 1, "\(outcome.errors)")
        #expect(lines.first?.contains("other processes are in the service's control group") == true)
        #expect(groups == [])
    }
}
