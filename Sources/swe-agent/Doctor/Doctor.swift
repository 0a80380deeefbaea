import Foundation

/// Looks at each thing that the settings need, one after the other.
actor Doctor {
    nonisolated let settings: Settings
    nonisolated let environment: [String: String]
    private let onFinding: @Sendable (Finding) -> Void
    /// What was found so far.
    private(set) var findings: [Finding] = []

    init(
        settings: Settings, environment: [String: String] = ProcessInfo.processInfo.environment,
        onFinding: @escaping @Sendable (Finding) -> Void
    ) {
        self.settings = settings
        self.environment = environment
        self.onFinding = onFinding
    }

    /// Examines everything; each finding is told as soon as it is there.
    ///
    /// - Throws: `CancellationError` only: whatever else goes wrong is a finding.
    func examine() async throws {
        try await examineModel()
        try await examineMachine()
        if let cluster = settings.cluster { try await examine(cluster) }
    }

    /// Makes one check. An error of its body is what it found.
    ///
    /// - Parameter advice: What to do about an error that does not say so itself.
    /// - Returns: Whether what was looked at can be used.
    @discardableResult
    func check(
        _ name: String, orElse advice: String? = nil, _ body: () async throws -> Finding.Verdict
    ) async throws -> Bool {
        let finding: Finding
        do {
            finding = Finding(name, try await body())
        } catch {
            try Task.checkCancellation()
            finding = Finding(check: name, status: .failed, detail: "\(error)", advice: advice)
        }
        report(finding)
        return finding.status != .failed
    }

    private func report(_ finding: Finding) {
        findings.append(finding)
        onFinding(finding)
    }
}
