import Foundation
import Sandboxes

/// Git as the tests use it, beside the code under test.
enum Git {
    static let environment = [
        "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
        "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "Test", "GIT_AUTHOR_EMAIL": "test@example.com",
        "GIT_COMMITTER_NAME": "Test", "GIT_COMMITTER_EMAIL": "test@example.com",
    ]

    @discardableResult
    static func run(_ arguments: String..., in directory: String = "/") async throws -> HostCommandOutcome {
        try await HostCommand(
            executable: "git", arguments: arguments, environment: environment, directory: directory,
            timeout: .seconds(120)
        ).run()
    }

    /// A directory that is removed afterwards.
    static func inTemporaryDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
        let url = FileManager.default.temporaryDirectory
            .resolvingSymlinksInPath().appending(path: "agents-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: url) }
        return try await body(url.path)
    }

    /// A repository with one commit of the files on `main`.
    static func repository(at path: String, files: [String: String]) async throws -> TestRepository {
        let repository = TestRepository(path: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try await repository.git("init", "--quiet", "--initial-branch=main", ".")
        for (name, contents) in files { try repository.write(name, contents) }
        try await repository.commit("First")
        return repository
    }

    /// A bare repository with the same commits, which takes pushes over HTTP.
    static func bareRemote(of repository: TestRepository, at path: String) async throws {
        try await run("clone", "--quiet", "--bare", repository.path, path)
        try await run("config", "http.receivepack", "true", in: path)
    }
}

/// A repository with a work tree.
struct TestRepository {
    struct Failure: Error {
        var message: String
    }

    let path: String

    func write(_ name: String, _ contents: String) throws {
        try write(name, Array(contents.utf8))
    }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        let url = URL(filePath: path).appending(path: name)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    func remove(_ name: String) throws {
        try FileManager.default.removeItem(atPath: "\(path)/\(name)")
    }

    @discardableResult
    func git(_ arguments: String...) async throws -> String {
        let outcome = try await HostCommand(
            executable: "git", arguments: arguments, environment: Git.environment, directory: path
        ).run()
        guard outcome.succeeded else { throw Failure(message: outcome.errorOutput) }
        return outcome.output
    }

    @discardableResult
    func commit(_ message: String) async throws -> String {
        try await git("add", "--all")
        try await git("commit", "--quiet", "--allow-empty", "-m", message)
        return try await head()
    }

    func head() async throws -> String {
        try await git("rev-parse", "HEAD").trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
