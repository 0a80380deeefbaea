import Sandboxes

/// What a repository says about itself: guidance for agents and people, and how its tests are run.
struct RepositorySurvey: Codable, Sendable {
    /// AGENTS.md, else the README, shortened; and the files at the top.
    var guidance: String
    var testCommand: TestCommand?

    private static let guidanceLimit = 8_000

    /// Reads it, inside the sandbox.
    static func make(of directory: String, in sandbox: any Sandbox) async throws -> RepositorySurvey {
        let script = """
            for file in AGENTS.md agents.md CLAUDE.md README.md README.rst README.txt README; do
                if [ -f "$file" ]; then printf '## %s\\n\\n' "$file"; head -c \(guidanceLimit) "$file"; break; fi
            done
            printf '\\n\\n## Files\\n\\n'
            git ls-files | head -n 200
            """
        let outcome = try await sandbox.run(
            SandboxCommand(script, directory: directory, outputLimit: 3 * guidanceLimit))
        return RepositorySurvey(
            guidance: outcome.output,
            testCommand: try await TestCommandFinder().find(in: sandbox, directory: directory))
    }
}
