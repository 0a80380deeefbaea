import Foundation
import Sandboxes

/// The repository that the demo works on: a small calculator with two bugs that its tests show.
///
/// Its files are in `Demo/Example/`, and in the program as bytes, so that the demo works from anywhere.
enum ExampleRepository {
    static let goal = "The test suite fails. Find the causes, fix the code, and leave the tests as they are."

    private static let files: [(path: String, bytes: [UInt8])] = [
        (".gitignore", PackageResources.dot_gitignore),
        ("AGENTS.md", PackageResources.AGENTS_md),
        ("README.md", PackageResources.README_md),
        ("calculator/__init__.py", PackageResources.__init___py),
        ("calculator/expression.py", PackageResources.expression_py),
        ("calculator/money.py", PackageResources.money_py),
        ("test_expression.py", PackageResources.test_expression_py),
        ("test_money.py", PackageResources.test_money_py),
    ]

    /// What a model said when it did this task, for `replay/FILE`.
    static var trajectory: Data { Data(PackageResources.trajectory_jsonl) }

    /// Makes the repository, with one commit, in a directory that does not exist.
    ///
    /// - Throws: ``ProgramError`` where git fails.
    static func make(at directory: String) async throws {
        for file in files {
            let place = URL(filePath: directory).appending(path: file.path)
            try FileManager.default.createDirectory(
                at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(file.bytes).write(to: place)
        }
        try await git(["init", "--quiet", "--initial-branch=main"], in: directory)
        try await git(["add", "--all"], in: directory)
        try await git(["commit", "--quiet", "--message=Add the calculator"], in: directory)
    }

    private static func git(_ arguments: [String], in directory: String) async throws {
        // Nothing of the user's own settings: they may ask for signatures or run hooks.
        var environment = ["GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"]
        environment["PATH"] = ProcessInfo.processInfo.environment["PATH"]
        for role in ["AUTHOR", "COMMITTER"] {
            environment["GIT_\(role)_NAME"] = "swe-agent demo"
            environment["GIT_\(role)_EMAIL"] = "demo@example.com"
        }
        let outcome = try await HostCommand(
            executable: "git", arguments: arguments, environment: environment, directory: directory
        ).run()
        guard outcome.succeeded else {
            throw ProgramError("git \(arguments[0]) failed: \(outcome.errorOutput.printable())")
        }
    }
}
