import Sandboxes

/// What a repository says about itself: guidance for agents and people, and how its tests are run.
struct RepositorySurvey: Codable, Sendable {
    /// AGENTS.md, else the README, shortened; and the files at the top.
    var guidance: String
    var testCommand: TestCommand?

    private static let guidanceLimit = 8_000

    /// Reads it, inside the sandbox.
    ///
    /// - Parameter test: The command that runs the tests, where the client gave one.
    static func make(of directory: String, test: String?, in sandbox: any Sandbox) async throws -> RepositorySurvey {
        let script = """
            cd -- "$1" || exit
            for file in AGENTS.md agents.md CLAUDE.md README.md README.rst README.txt README; do
                if [ -f "$file" ]; then
                    IFS= read -r -d '' -n "$2" text < "$file"
                    printf '## %s\\n\\n%s' "$file" "$text"
                    break
                fi
            done
            printf '\\n\\n## Files\\n\\n'
            git ls-files | for ((line = 0; line < 200; line++)); do IFS= read -r file && printf '%s\\n' "$file"; done
            """
        let outcome = try await ShellScript(script, [directory, String(guidanceLimit)]).run(
            in: sandbox, timeout: .seconds(60), outputLimit: 4 * guidanceLimit)
        return RepositorySurvey(
            guidance: outcome.output,
            testCommand: try await TestCommandFinder().find(given: test, in: sandbox, directory: directory))
    }
}
