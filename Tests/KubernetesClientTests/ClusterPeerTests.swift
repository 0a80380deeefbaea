import ClusterTestSupport
import Foundation
import Subprocess
import SystemPackage
import Testing

/// The test cluster is one to a client that is not ours: PyPI's `kubernetes` package.
@Suite(.enabled(if: TestCluster.isPossible, "bubblewrap, nsenter and openssl are there"))
struct ClusterPeerTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "ClusterPeer").path(percentEncoded: false)

    private static func run(
        _ program: String, _ arguments: [String], _ variables: [String: String] = [:]
    ) async throws -> (succeeded: Bool, output: String) {
        let updates = variables.map { (Environment.Key(stringLiteral: $0), Optional($1)) }
        let result = try await Subprocess.run(
            .path("/bin/sh"), arguments: Arguments(["-c", "exec \"$@\" 2>&1", "sh", program] + arguments),
            environment: .inherit.updating(Dictionary(uniqueKeysWithValues: updates)), input: .none,
            output: .string(limit: 1 << 20), error: .discarded)
        return (result.terminationStatus.isSuccess, result.standardOutput)
    }

    /// A Python with the package. Where that cannot be fetched, the test is skipped.
    private static func python() async throws -> String {
        let place = FileManager.default.currentDirectoryPath + "/.build/cluster-peer"
        let requirements = folder + "/requirements.txt"
        let wanted = try String(contentsOfFile: requirements, encoding: .utf8)
        if (try? String(contentsOfFile: place + "/done", encoding: .utf8)) != wanted {
            let made = try await run("python3", ["-m", "venv", "--clear", place])
            try #require(made.succeeded, "\(made.output)")
            let options = ["--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "15"]
            let fetched = try await run(place + "/bin/pip", ["install"] + options + ["--requirement", requirements])
            guard fetched.succeeded else {
                try Test.cancel("PyPI cannot be reached: \(fetched.output.suffix(500))")
            }
            try Data(wanted.utf8).write(to: URL(filePath: place + "/done"))
        }
        return place + "/bin/python"
    }

    @Test(.timeLimit(.minutes(4))) func itListsCreatesWatchesExecutesAndDeletes() async throws {
        let python = try await Self.python()
        try await TestCluster.run { cluster in
            let outcome = try await Self.run(
                python, [Self.folder + "/client.py", "tasks", "worker"], cluster.environment)
            #expect(outcome.succeeded, "\(outcome.output)")
            #expect(outcome.output.contains("ok: rights are told"))
            #expect(await cluster.state.podNames == [])
        }
    }
}
