import Foundation
import LanguageModels
import ModelHub
import TestSupport
import Testing

@testable import swe_agent

/// `swe-agent model pull`, `list` and `rm` against a hub on loopback.
struct ModelHubCommandTests {
    @Test func aModelIsPulledListedAndRemoved() async throws {
        try await withFolder { folder in
            try await LoopbackHub.serving(LoopbackHub.model()) { hub in
                let environment = ["HF_HOME": folder, "HF_ENDPOINT": await hub.endpoint]
                let pulled = try await Program.run(["model", "pull", LoopbackHub.id], environment: environment)
                #expect(pulled.exitCode == 0, "\(pulled)")
                let path = pulled.output.trimmingCharacters(in: .newlines)
                #expect(FileManager.default.fileExists(atPath: path + "/model.safetensors"))
                let lines = pulled.errors.split(separator: "\n")
                #expect(lines.first == "acme/tiny-coder: 3 files, 1.03 kB")
                #expect(lines.contains("model.safetensors  1 kB"))

                let json = try await Program.run(
                    ["model", "pull", LoopbackHub.id, "--json"], environment: environment)
                let report = try JSONDecoder().decode(JSONValue.self, from: Data(json.output.utf8))
                #expect(report["path"]?.string == path)
                #expect(report["received_bytes"]?.integer == 0)
                #expect(json.errors == "")

                let list = try await Program.run(["model", "list"], environment: environment)
                #expect(list.output.hasSuffix("  acme/tiny-coder  main\n"), "\(list)")
                let listed = try await Program.run(["model", "list", "--json"], environment: environment)
                let entry = try JSONDecoder().decode(JSONValue.self, from: Data(listed.output.utf8))
                #expect(entry["id"]?.string == LoopbackHub.id)
                #expect(entry["complete"] == .bool(true))

                let removed = try await Program.run(["model", "rm", LoopbackHub.id], environment: environment)
                #expect(removed.output.hasPrefix("Deleted acme/tiny-coder ("))
                #expect(try await Program.run(["model", "list"], environment: environment).output == "")
                let again = try await Program.run(["model", "rm", LoopbackHub.id], environment: environment)
                #expect(again.exitCode == 1)
                #expect(again.errors == "swe-agent: acme/tiny-coder is not on this machine\n")
            }
        }
    }

    @Test func theTokenComesFromTheVariableOrFromTheFileOfPythonsLogin() async throws {
        try await withFolder { folder in
            try await LoopbackHub.serving(LoopbackHub.model()) { hub in
                await hub.change { $0.token = "hf_right" }
                var environment = ["HF_HOME": folder, "HF_ENDPOINT": await hub.endpoint, "HF_TOKEN": "<HF_TOKEN>"]
                let refused = try await Program.run(["model", "pull", LoopbackHub.id], environment: environment)
                #expect(refused.exitCode == 1)
                #expect(refused.errors.hasPrefix("swe-agent: 127.0.0.1 does not show acme/tiny-coder (401)"))
                #expect(refused.errors.split(separator: "\n").count == 1)
                environment["HF_TOKEN"] = nil
                try "hf_right\n".write(toFile: folder + "/token", atomically: true, encoding: .utf8)
                let pulled = try await Program.run(["model", "pull", LoopbackHub.id], environment: environment)
                #expect(pulled.exitCode == 0, "\(pulled)")
            }
        }
    }

    @Test func offlineAModelThatIsNotThereIsOneLine() async throws {
        try await withFolder { folder in
            let outcome = try await Program.run(
                ["model", "pull", "a/b"], environment: ["HF_HOME": folder, "HF_HUB_OFFLINE": "1"])
            #expect(outcome.exitCode == 1)
            #expect(outcome.errors.contains("HF_HUB_OFFLINE"))
            #expect(outcome.errors.split(separator: "\n").count == 1)
        }
    }

    @Test func aTerminalShowsALineThatChanges() async throws {
        try await withFolder { folder in
            try await LoopbackHub.serving(LoopbackHub.model()) { hub in
                let outcome = try await Program.run(
                    ["model", "pull", LoopbackHub.id],
                    environment: ["HF_HOME": folder, "HF_ENDPOINT": await hub.endpoint], onTerminal: true)
                #expect(outcome.exitCode == 0)
                #expect(outcome.output.contains("\u{1B}[2K"))
                #expect(outcome.output.contains("model.safetensors"))
            }
        }
    }

    @Test func progressTellsShareSpeedAndTimeLeft() throws {
        var progress = PullProgress(of: try ModelID("a/b"))
        let start = Date(timeIntervalSince1970: 0)
        #expect(
            progress.apply(.planned(files: 2, bytes: 1_000_000_000, present: 0), at: start) == ["a/b: 2 files, 1 GB"])
        for second in 0...5 {
            let event = ModelHub.Event.received(file: "model.safetensors", bytes: 50_000_000, isResumed: false)
            _ = progress.apply(event, at: start + Double(second))
        }
        let status = progress.status(at: start + 5)
        #expect(status == "███████░░░░░░░░░░░░░░░░░ 30 % · 300 MB of 1 GB · 50 MB/s · 0:14 left · model.safetensors")
    }
}
