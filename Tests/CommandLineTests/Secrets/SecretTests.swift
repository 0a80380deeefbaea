import Foundation
import Testing

@testable import swe_agent

/// How keys are kept from other users of the machine.
struct SecretTests {
    @Test func aFileThatOnlyItsOwnerReadsEarnsNoWarning() async throws {
        try await withFolder { folder in
            let file = folder + "/.env"
            for (text, mode, warns) in [
                ("OPENAI_API_KEY=sk-0123456789\n", 0o600, false), ("OPENAI_API_KEY=sk-0123456789\n", 0o640, true),
                ("OPENAI_API_KEY=\n", 0o644, false), ("MODEL_NAME=ops-4.5\n", 0o644, false),
            ] {
                try Data(text.utf8).write(to: URL(filePath: file))
                try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
                #expect((Settings.warningAboutFile(atPath: file) != nil) == warns, "\(text) \(mode)")
            }
        }
    }
}
