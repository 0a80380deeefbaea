import Foundation
import LanguageModels
import TestSupport
import Testing

@testable import swe_agent

/// `swe-agent doctor` on this machine; ``DoctorClusterTests`` has what it says of a cluster.
struct DoctorTests {
    private static let key = "sk-scripted-0123456789"

    @Test func whereAllIsThereEachCheckHasALineAndTheEndIsZero() async throws {
        try await withFolder { folder in
            try await withScriptedProvider(key: Self.key) { _ in
                .turn(text: "yes")
            } body: { provider in
                let outcome = try await Program.run(
                    ["doctor"], environment: Self.settings(of: provider), in: folder)
                #expect(outcome.exitCode == 0, "\(outcome)")
                let lines = outcome.output.split(separator: "\n")
                #expect(lines.first == "✓ model         openai/gpt-4.1, with a key")
                #expect(
                    lines.contains { $0.contains(/^✓ provider +gpt-4\.1-scripted answered in [0-9.]+ s, \d+ tokens$/) },
                    "\(outcome)")
                #expect(lines.contains { $0.contains(/^✓ git +git version [0-9.]+, GIT_TOKEN is set$/) })
                #expect(lines.contains { $0.contains(/^✓ data +\.\/data, .+ free; it is made at the first start$/) })
                #expect(!outcome.output.contains("\u{1B}"))
                #expect(!outcome.output.contains(Self.key))
                #expect(await provider.requests.count == 1)
                // It looks, and leaves nothing.
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
            }
        }
    }

    @Test func aKeyThatIsRefusedIsAFailureThatSaysWhatToDo() async throws {
        try await withFolder { folder in
            try await withScriptedProvider(key: Self.key) { _ in
                .status(401, body: #"{"error":{"message":"Incorrect API key provided: \#(Self.key)"}}"#)
            } body: { provider in
                let findings = try await Self.findings(Self.settings(of: provider), in: folder)
                #expect(findings["model"]?.status == "passed")
                #expect(findings["provider"]?.status == "failed")
                #expect(findings["provider"]?.detail.contains("401") == true, "\(findings)")
                #expect(findings["provider"]?.advice?.hasPrefix("correct the key") == true)
                #expect(findings["git"]?.status == "passed")
                #expect(!findings.values.contains { $0.detail.contains(Self.key) })
            }
        }
    }

    @Test func whatIsMissingIsFoundAllAtOnce() async throws {
        try await withFolder { folder in
            let findings = try await Self.findings(
                [
                    "MODEL_NAME": "ops-4.5", "PATH": folder, "SWE_AGENT_DATA": "/proc/data",
                    "SWE_AGENT_HOST": "0.0.0.0",
                ], in: folder)
            #expect(findings["model"]?.detail.hasPrefix("OPENAI_API_KEY is not set") == true)
            #expect(findings["provider"] == nil)
            #expect(findings["git"]?.advice?.hasPrefix("install git") == true)
            #expect(findings["bash"]?.status == "failed")
            #expect(findings["bubblewrap"]?.status == "warned")
            #expect(findings["rg"]?.status == "warned")
            #expect(findings["workspace"]?.status == "passed")
            #expect(findings["data"]?.status == "failed")
            #expect(findings["data"]?.advice?.contains("SWE_AGENT_DATA") == true)
            #expect(findings["service"]?.advice?.contains("SWE_AGENT_API_TOKEN") == true)
        }
    }

    @Test func aSettingThatCannotBeIsTheOnlyFinding() async throws {
        try await withFolder { folder in
            let findings = try await Self.findings(["SWE_AGENT_PORT": "many"], in: folder)
            #expect(findings.keys.sorted() == ["settings"])
            #expect(findings["settings"]?.detail.hasPrefix("SWE_AGENT_PORT is “many”") == true)
        }
    }

    @Test func coloursAreForTerminals() async throws {
        try await withFolder { folder in
            let outcome = try await Program.run(
                ["doctor"], environment: ["MODEL_NAME": "ops-4.5"], in: folder, onTerminal: true)
            #expect(outcome.exitCode == 1)
            #expect(outcome.output.contains("\u{1B}[31m✗\u{1B}[0m model"))
            #expect(outcome.output.contains("\u{1B}[32m✓\u{1B}[0m git"))
        }
    }

    struct Found: Decodable {
        var check: String
        var status: String
        var detail: String
        var advice: String?
    }

    private struct Report: Decodable {
        var passed: Bool
        var checks: [Found]
    }

    /// What the doctor finds, by the names of the checks; the exit code has to agree.
    static func findings(_ variables: [String: String], in folder: String) async throws -> [String: Found] {
        let outcome = try await Program.run(["doctor", "--json"], environment: variables, in: folder)
        let report = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
        let isFailed = report.checks.contains { $0.status == "failed" }
        #expect(outcome.exitCode == (isFailed ? 1 : 0), "\(outcome)")
        #expect(report.passed == !isFailed)
        return Dictionary(uniqueKeysWithValues: report.checks.map { ($0.check, $0) })
    }

    private static func settings(of provider: ScriptedProvider) -> [String: String] {
        [
            "MODEL_NAME": "ops-4.5", "OPENAI_BASE_URL": provider.url + "/v1", "OPENAI_API_KEY": key,
            "GIT_TOKEN": "ghp_0123456789",
        ]
    }
}
