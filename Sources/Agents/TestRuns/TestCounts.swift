/// How many tests ended how.
public struct TestCounts: Codable, Sendable, Hashable {
    public var passed: Int
    public var failed: Int
    public var skipped: Int
    /// Tests, or files of tests, that could not be run to a verdict.
    public var errors: Int

    public init(passed: Int = 0, failed: Int = 0, skipped: Int = 0, errors: Int = 0) {
        self.passed = passed
        self.failed = failed
        self.skipped = skipped
        self.errors = errors
    }

    static func += (total: inout TestCounts, more: TestCounts) {
        total.passed += more.passed
        total.failed += more.failed
        total.skipped += more.skipped
        total.errors += more.errors
    }
}
