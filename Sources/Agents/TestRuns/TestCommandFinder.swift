import Foundation
public import Sandboxes

/// Finds out how a repository's tests are run, from the files in its root.
///
/// The first that applies wins: the given command, a `test` script of package.json, Cargo.toml, go.mod, Package.swift,
/// Python's, a `test` target of the Makefile, Maven, Gradle. Nothing else is guessed.
public struct TestCommandFinder: Sendable {
    public init() {}

    /// Looks at the repository with one command.
    ///
    /// - Parameters:
    ///   - given: The command that the user named, which is taken as it is.
    ///   - directory: The repository, as commands in the sandbox see it.
    /// - Returns: `nil` where nothing tells how to test.
    /// - Throws: ``SandboxError``, or `CancellationError`.
    public func find(
        given: String? = nil, in sandbox: any Sandbox, directory: String, timeout: Duration = .seconds(60)
    ) async throws -> TestCommand? {
        if let given, given.contains(where: { !$0.isWhitespace }) {
            return TestCommand(command: given, reason: "it was given")
        }
        let outcome = try await ShellScript(Self.script, [directory]).run(
            in: sandbox, timeout: timeout, outputLimit: 1 << 20)
        return Self.decide(Facts(outcome.output))
    }

    /// Prints one line a fact, and the package.json as the last. Python, slow to start, is only asked about pytest
    /// where there is Python to test.
    private static let script = """
        cd -- "$1" || exit
        python=
        for file in Cargo.toml go.mod Package.swift pom.xml mvnw build.gradle build.gradle.kts gradlew yarn.lock \\
            pnpm-lock.yaml bun.lockb bun.lock pyproject.toml pytest.ini setup.cfg setup.py tox.ini conftest.py; do
            [ -f "$file" ] && echo "file $file"
        done
        for file in test*.py *_test.py tests/test*.py tests/*_test.py tests/*/test*.py test/test*.py; do
            [ -f "$file" ] && { echo python-test; python=1; break; }
        done
        for file in pyproject.toml setup.cfg tox.ini; do
            [ -f "$file" ] && grep -q pytest "$file" && { echo mentions-pytest; python=1; }
        done
        [ -f pytest.ini ] || [ -f conftest.py ] || [ -f tests/conftest.py ] && { echo mentions-pytest; python=1; }
        [ -n "$python" ] && python3 -c 'import importlib.util as u, sys; sys.exit(u.find_spec("pytest") is None)' \\
            >/dev/null 2>&1 && echo has-pytest
        for file in GNUmakefile makefile Makefile; do
            [ -f "$file" ] && { grep -q '^test *:\\([^=]\\|$\\)' "$file" && echo make-test; break; }
        done
        [ -f package.json ] && [ "$(wc -c < package.json)" -lt 500000 ] && { echo package.json; cat package.json; }
        """
}

extension TestCommandFinder {
    /// What the script found.
    private struct Facts {
        private var lines: Set<Substring> = []
        /// The `test` script of package.json, if it is more than what `npm init` writes.
        var packageScript: String?

        init(_ output: String) {
            let parts = output.split(separator: "\npackage.json\n", maxSplits: 1, omittingEmptySubsequences: false)
            let alone = output.hasPrefix("package.json\n") ? output.dropFirst("package.json\n".count) : nil
            if alone == nil { lines = Set(parts[0].split(separator: "\n")) }
            guard let package = alone ?? parts.dropFirst().first,
                let contents = try? JSONDecoder().decode(Package.self, from: Data(package.utf8)),
                let script = contents.scripts?["test"], !script.contains("no test specified"),
                script.contains(where: { !$0.isWhitespace })
            else { return }
            packageScript = script
        }

        private struct Package: Decodable {
            var scripts: [String: String]?
        }

        func hasFile(_ name: String) -> Bool { lines.contains("file \(name)") }
        func has(_ fact: Substring) -> Bool { lines.contains(fact) }
    }

    private static func decide(_ facts: Facts) -> TestCommand? {
        func command(_ command: String, _ reason: String) -> TestCommand {
            TestCommand(command: command, reason: reason)
        }
        if facts.packageScript != nil {
            let runner =
                if facts.hasFile("pnpm-lock.yaml") {
                    "pnpm"
                } else if facts.hasFile("yarn.lock") {
                    "yarn"
                } else if facts.hasFile("bun.lock") || facts.hasFile("bun.lockb") {
                    "bun run"
                } else {
                    "npm"
                }
            return command("\(runner) test", "package.json has a \"test\" script")
        }
        if facts.hasFile("Cargo.toml") { return command("cargo test", "there is a Cargo.toml") }
        if facts.hasFile("go.mod") { return command("go test -v ./...", "there is a go.mod") }
        if facts.hasFile("Package.swift") { return command("swift test", "there is a Package.swift") }
        if let python = python(facts) { return python }
        if facts.has("make-test") { return command("make test", "the Makefile has a \"test\" target") }
        if facts.hasFile("pom.xml") {
            return command(facts.hasFile("mvnw") ? "./mvnw -B test" : "mvn -B test", "there is a pom.xml")
        }
        if facts.hasFile("build.gradle") || facts.hasFile("build.gradle.kts") {
            return command(facts.hasFile("gradlew") ? "./gradlew test" : "gradle test", "there is a build.gradle")
        }
        return nil
    }

    private static func python(_ facts: Facts) -> TestCommand? {
        if facts.has("has-pytest") {
            let reason = facts.has("mentions-pytest") ? "the project is set up for pytest" : "there are Python tests"
            return TestCommand(command: "python3 -m pytest -q", reason: "\(reason), and pytest is installed")
        }
        if facts.has("python-test") {
            return TestCommand(
                command: "python3 -m unittest", reason: "there are Python tests, and pytest is not installed")
        }
        return nil
    }
}
