import Foundation
import LanguageModels
import Logging
import Testing

@testable import swe_agent

struct DotEnvFileTests {
    @Test(arguments: [
        ("A=b", "b"), ("A = b ", "b"), ("export A=b", "b"), ("A=b # c", "b"), ("A=b#c", "b#c"), ("A=b\t# c", "b"),
        ("A=\"b # c\"", "b # c"), ("A='b' # c", "b"), ("A=\"b", "\"b"), ("A='b'c", "'b'c"), ("A=b=c", "b=c"),
        ("A=", ""),
        ("A=# c", ""), ("A= # c", ""), ("A=1\nA=2", "2"), ("A=\"\"", ""),
    ])
    func aValueIsWhatIsBeforeACommentOrBetweenQuotes(line: String, value: String) {
        #expect(DotEnvFile.parse(line) == ["A": value])
    }

    @Test(arguments: ["# A=b", "  # A=b", "A", "=b", ""])
    func linesThatSetNothingAreLeftOut(line: String) {
        #expect(DotEnvFile.parse(line) == [:])
    }

    @Test func aFolderOrNothingInTheFilesPlaceHoldsNothing() throws {
        #expect(try DotEnvFile.variables(atPath: FileManager.default.temporaryDirectory.path()) == [:])
        #expect(try DotEnvFile.variables(atPath: "/does/not/exist/.env") == [:])
    }

    @Test func theExampleDocumentsEveryVariableAndNothingElse() throws {
        let text = try String(contentsOf: Project.root.appending(path: ".env.example"), encoding: .utf8)
        let documented = text.matches(of: /(?m)^#?([A-Z][A-Z0-9_]*)=/).map { String($0.1) }
        #expect(documented.sorted() == Variable.allCases.map(\.rawValue).sorted())
    }

    @Test func theExamplesCommentsHoldTheDefaults() throws {
        let text = try String(contentsOf: Project.root.appending(path: ".env.example"), encoding: .utf8)
        var asItIs = try SettingsTests.settings(file: text)
        #expect(asItIs.models.name == "ops-4.5")
        // What stands in the comments are the defaults, but for those that say they are not.
        let examples = [
            "MODEL_PRICES", "OPENAI_BASE_URL", "SANDBOX_ENV_PASSTHROUGH", "MAX_COST_USD", "GEMINI_BASE_URL",
            "LOCAL_THREADS", "SANDBOX_CPUS", "SWE_AGENT_MAX_TASKS_PER_CLIENT", "SWE_AGENT_INTERNAL_HOSTS",
            "MODEL_FALLBACK", "SWE_AGENT_RETENTION_DAYS", "SWE_AGENT_RETENTION_MB",
            // These depend on the model, and whether SANDBOX_NETWORK was chosen is a setting too.
            "MODEL_SAMPLES", "MODEL_TEMPERATURE", "MODEL_TOP_P", "MODEL_REPETITION_PENALTY", "MODEL_MAX_NEW_TOKENS",
            "SANDBOX_NETWORK",
            // These depend on the machine and its user.
            "LOCAL_THREADS", "SWE_AGENT_CACHE", "HF_HOME", "HF_HUB_CACHE", "HF_TOKEN", "HF_TOKEN_PATH",
        ]
        let all = text.split(separator: "\n").filter { line in !examples.contains { line.hasPrefix("#\($0)=") } }
            .map { $0.firstMatch(of: /^#([A-Z0-9_]+=.*)$/).map { String($0.1) } ?? String($0) }
        var (left, right) = ("", "")
        var uncommented = try SettingsTests.settings(file: all.joined(separator: "\n"))
        #expect(uncommented.logLevel == .info)
        uncommented.logLevel = nil
        #expect(uncommented.git.tokenHosts == asItIs.git.tokenHosts)
        // Dictionaries and sets have no order to compare texts by.
        (asItIs.git.tokenHosts, uncommented.git.tokenHosts) = (nil, nil)
        (asItIs.models.prices, uncommented.models.prices) = (PriceTable([:]), PriceTable([:]))
        dump(asItIs, to: &left)
        dump(uncommented, to: &right)
        #expect(left == right)
    }
}
