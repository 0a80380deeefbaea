public import Sandboxes

/// A command that runs a repository's tests, and why it was chosen.
public struct FoundTestCommand: Codable, Sendable, Hashable {
    public var command: String
    public var reason: String
}

/// Finds out how a repository's tests are run, from the files at its top, with one command in the sandbox.
public struct TestCommandFinder: Sendable {
    private let sandbox: any Sandbox

    public init(_ sandbox: any Sandbox) {
        self.sandbox = sandbox
    }

    /// - Returns: `nil` where nothing says how the tests are run.
    public func find(in directory: String) async throws -> FoundTestCommand? {
        let outcome = try await sandbox.run(
            SandboxCommand(Self.script, directory: directory, timeout: .seconds(30)))
        return outcome.output.split(whereSeparator: \.isNewline).lazy.compactMap { Self.rules[String($0)] }.first
    }

    /// Each fact that holds is printed as one word, the most telling first.
    private static let script = #"""
        has() { [ -e "$1" ] && printf '%s\n' "$2"; }
        any() { for file; do [ -e "$file" ] && return; done; false; }
        if [ -f package.json ] && grep -q '"test"[[:space:]]*:' package.json && ! grep -q 'no test specified' package.json
        then
            if [ -f pnpm-lock.yaml ]; then echo pnpm; elif [ -f yarn.lock ]; then echo yarn; else echo npm; fi
        fi
        has Cargo.toml cargo
        has go.mod go
        has Package.swift swift
        if any pyproject.toml setup.py setup.cfg tox.ini pytest.ini test*.py *_test.py tests/*.py test/*.py; then
            if command -v python3 >/dev/null && python3 -c 'import pytest' 2>/dev/null; then
                echo pytest
            elif any tests/test*.py && [ ! -e tests/__init__.py ]; then
                echo unittest-tests
            else
                echo unittest
            fi
        fi
        if [ -x mvnw ]; then echo mvnw; else has pom.xml mvn; fi
        if [ -x gradlew ]; then echo gradlew; else has build.gradle gradle; has build.gradle.kts gradle; fi
        for file in GNUmakefile makefile Makefile; do
            if [ -f "$file" ] && grep -qE '^test[[:space:]]*:' "$file"; then echo make; break; fi
        done
        true
        """#

    private static let rules: [String: FoundTestCommand] = [
        "pnpm": FoundTestCommand(command: "pnpm test", reason: "package.json has a test script"),
        "yarn": FoundTestCommand(command: "yarn test", reason: "package.json has a test script"),
        "npm": FoundTestCommand(command: "npm test", reason: "package.json has a test script"),
        "cargo": FoundTestCommand(command: "cargo test", reason: "there is a Cargo.toml"),
        "go": FoundTestCommand(command: "go test ./...", reason: "there is a go.mod"),
        "swift": FoundTestCommand(command: "swift test", reason: "there is a Package.swift"),
        "pytest": FoundTestCommand(
            command: "python3 -m pytest -q", reason: "a Python project, and pytest is installed"),
        "unittest": FoundTestCommand(command: "python3 -m unittest", reason: "a Python project without pytest"),
        "unittest-tests": FoundTestCommand(
            command: "python3 -m unittest discover -s tests -t .", reason: "a Python project without pytest"),
        "mvnw": FoundTestCommand(command: "./mvnw -q test", reason: "there is a Maven wrapper"),
        "mvn": FoundTestCommand(command: "mvn -q test", reason: "there is a pom.xml"),
        "gradlew": FoundTestCommand(command: "./gradlew test", reason: "there is a Gradle wrapper"),
        "gradle": FoundTestCommand(command: "gradle test", reason: "there is a build.gradle"),
        "make": FoundTestCommand(command: "make test", reason: "the Makefile has a test target"),
    ]
}
