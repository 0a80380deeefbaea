import Testing

/// `swe-agent demo`, as `make demo` runs it.
struct DemoCommandTests {
    @Test func theDemoEndsWithATestedChange() async throws {
        try await withFolder { folder in
            let outcome = try await Program.run(["demo"], in: folder)
            #expect(outcome.exitCode == 0, "\(outcome)")
            #expect(outcome.output.contains("Model: replay"))
            #expect(outcome.output.contains("MODEL_NAME"))
            #expect(outcome.output.contains("Service: http://127.0.0.1:"))
            #expect(outcome.output.contains("PROGRAMMER: Executing plan...\n"))
            #expect(outcome.output.contains("-    return [cents // people] * people\n"))
            #expect(outcome.output.contains("COMPLETED\n"))
            #expect(outcome.output.contains(/tests +red, 2 failed, 8 passed before; green, 0 failed, 10 passed after/))
        }
    }

    @Test func aRealModelTakesThePlaceOfTheRecording() async throws {
        let outcome = try await Program.run(["demo"], environment: ["MODEL_NAME": "gemini-3.5"])
        #expect(outcome.exitCode == 2)
        #expect(outcome.errors.contains("GOOGLE_API_KEY"))
    }
}
