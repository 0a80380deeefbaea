import Agents
import Foundation
import Sandboxes
import Testing

/// Which command is found for a repository, and what it then tells when it is really run.
@Suite(.timeLimit(.minutes(5)))
struct TestCommandTests {
    private func command(_ files: [String: String], given: String? = nil) async throws -> String? {
        try await TaskSandbox.holding(files) { sandbox, directory in
            try await TestCommandFinder().find(given: given, in: sandbox, directory: directory)?.command
        }
    }

    @Test(
        arguments: [
            ([:], nil),
            (["README.md": "```\nmake test\n```\n"], nil),
            (["package.json": #"{"scripts": {"test": "jest"}}"#], "npm test"),
            (["package.json": #"{"scripts": {"test": "jest"}}"#, "yarn.lock": ""], "yarn test"),
            (["package.json": #"{"scripts": {"test": "jest"}}"#, "pnpm-lock.yaml": ""], "pnpm test"),
            (["package.json": #"{"scripts": {"test": "jest"}}"#, "bun.lock": ""], "bun run test"),
            (["package.json": #"{"scripts": {"test": "jest"}}"#, "Cargo.toml": "", "Makefile": "test:\n"], "npm test"),
            (["package.json": #"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#], nil),
            (["package.json": #"{"scripts": {"build": "x"}}"#, "go.mod": ""], "go test -v ./..."),
            (["package.json": "{ not json", "Cargo.toml": ""], "cargo test"),
            (["package.json": "[]"], nil),
            (["Cargo.toml": "", "go.mod": ""], "cargo test"),
            (["Package.swift": ""], "swift test"),
            (["Makefile": "all:\n\ttrue\n\ntest: all\n\ttrue\n"], "make test"),
            (["Makefile": "test :\n\ttrue\n"], "make test"),
            (["Makefile": "test := x\ntests:\n\ttrue\n.PHONY: test\n"], nil),
            (["pom.xml": ""], "mvn -B test"),
            (["pom.xml": "", "mvnw": ""], "./mvnw -B test"),
            (["build.gradle.kts": ""], "gradle test"),
            (["build.gradle": "", "gradlew": ""], "./gradlew test"),
            (["pyproject.toml": "[project]\nname = 'x'\n", "Makefile": "test:\n\ttrue\n"], "make test"),
        ] as [([String: String], String?)])
    func isFound(_ files: [String: String], _ expected: String?) async throws {
        #expect(try await command(files) == expected)
    }

    @Test func whatIsGivenWins() async throws {
        #expect(try await command(["Cargo.toml": ""], given: "./check --fast") == "./check --fast")
        #expect(try await command(["Cargo.toml": ""], given: "  ") == "cargo test")
    }

    @Test(arguments: [
        ["test_x.py": ""], ["tests/test_x.py": ""], ["tests/unit/test_x.py": ""], ["x_test.py": ""],
        ["pytest.ini": ""], ["pyproject.toml": "[tool.pytest.ini_options]\n"], ["tests/conftest.py": ""],
    ])
    func pythonDependsOnWhatIsInstalled(_ files: [String: String]) async throws {
        try await TaskSandbox.holding(files) { sandbox, directory in
            // Stands in for Python: all that is asked is whether it finds pytest.
            for (script, expected) in [("exit 0", "python3 -m pytest -q"), ("exit 1", "python3 -m unittest")] {
                try await sandbox.writeFile("bin/python3", Array("#!/bin/sh\n\(script)\n".utf8))
                _ = try await sandbox.run(
                    SandboxCommand(
                        "chmod +x bin/python3; PATH=$PWD/bin:$PATH", directory: sandbox.workspace))
                let found = try await TestCommandFinder().find(in: sandbox, directory: directory)?.command
                let hasTests = files.keys.contains { $0.contains("test_x") || $0.contains("x_test") }
                #expect(found == (script == "exit 1" && !hasTests ? nil : expected))
            }
        }
    }

    @Test func aHostileRepositoryIsOnlyLookedAt() async throws {
        let files = [
            "Makefile": "$(shell touch made)\ntest:\n\ttrue\n", "package.json": #"{"scripts": {"test": 1}}"#,
            "test_$(touch made).py": "",
        ]
        try await TaskSandbox.holding(files) { sandbox, directory in
            _ = try await TestCommandFinder().find(in: sandbox, directory: directory)
            await #expect(throws: SandboxError.self) { try await sandbox.readFile(directory + "/made", limit: 1) }
        }
    }

    @Test func realTestsAreRunAndCounted() async throws {
        // Tests in the one language that every sandbox has.
        let tests = """
            passed=0 failed=0
            check() { if [ "$(./add "$1" "$2")" = "$3" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi; }
            check 0 0 0
            check 1 2 3
            echo "$passed passed, $failed failed"
            exit "$failed"

            """
        try await TaskSandbox.holding(["add": "#!/bin/sh\necho \"$1\"\n", "tests.sh": tests]) { sandbox, directory in
            _ = try await sandbox.run(SandboxCommand("chmod +x '\(directory)/add'"))
            func run() async throws -> TestReport {
                try await TestReport.run("bash tests.sh", in: sandbox, directory: directory, timeout: .seconds(120))
            }
            let before = try await run()
            #expect(before.exitCode == 1)
            #expect(before.counts == TestCounts(passed: 1, failed: 1))
            #expect(before.outputTail == "1 passed, 1 failed\n")
            try await sandbox.writeFile(directory + "/add", Array("#!/bin/sh\necho $(($1 + $2))\n".utf8))
            let after = try await run()
            #expect(after.counts == TestCounts(passed: 2))
            #expect(TestComparison(before: before, after: after) == .improved)
            #expect(
                TestComparison(before: after, after: before)
                    == .worse("The tests succeeded before and fail now (exit code 1)."))
            // The agent's shell stays where it was.
            #expect(try await sandbox.run(SandboxCommand("pwd")).output == sandbox.workspace + "\n")
        }
    }

    @Test func aRunThatHangsIsReported() async throws {
        try await TaskSandbox.holding([:]) { sandbox, directory in
            let report = try await TestReport.run(
                "echo 'some output'; sleep 1000", in: sandbox, directory: directory, timeout: .seconds(1))
            #expect(report.timedOut)
            #expect(report.exitCode == nil)
            #expect(!report.succeeded)
            #expect(report.outputTail.contains("some output"))
            let missing = try await TestReport.run(
                "no-such-program", in: sandbox, directory: directory, timeout: .seconds(60))
            #expect(missing.exitCode == 127)
        }
    }
}
