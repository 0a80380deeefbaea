import ArgumentParser
import Foundation
import Workflow

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check what the settings need, and say what to do about what is missing.",
        discussion: """
            Looks at the model and its key, programs and directories, and with SANDBOX_TYPE=k8s at the cluster, the rights in \
            it and the worker image. The model is asked for one word, and in a cluster a pod is started and deleted again.

            Exit codes: 0 all is there; 1 something is missing; 2 wrong use.
            """)

    @Flag(help: "Print nothing but the findings, as one JSON object.")
    var json = false

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let settings: Settings
        do {
            settings = try Settings.load(flags: options.flags)
        } catch {
            return try conclude([show(Finding(check: "settings", status: .failed, detail: "\(error)"))])
        }
        let findings = try await withSignals {
            throw ExitCode.interrupted
        } _: {
            let doctor = Doctor(settings: settings) { _ = show($0) }
            try await doctor.examine()
            return await doctor.findings
        }
        try conclude(findings)
    }

    private func show(_ finding: Finding) -> Finding {
        if !json { Terminal.output.print(finding) }
        return finding
    }

    private func conclude(_ findings: [Finding]) throws {
        let failures = findings.filter { $0.status == .failed }.count
        if json {
            Terminal.output.write(try JSONText(Report(passed: failures == 0, checks: findings)).text + "\n")
        } else if failures > 0 {
            Terminal.output.print(failures == 1 ? "1 check failed" : "\(failures) checks failed", .red)
        }
        if failures > 0 { throw ExitCode.failure }
    }

    /// What `--json` prints.
    private struct Report: Encodable {
        var passed: Bool
        var checks: [Finding]
    }
}

extension Terminal {
    /// A finding in one line: a mark, what was looked at, what was found, and what to do.
    fileprivate func print(_ finding: Finding) {
        let (mark, style): (String, Style) =
            switch finding.status {
            case .passed: ("✓", .green)
            case .warned: ("!", .yellow)
            case .failed: ("✗", .red)
            }
        let name = finding.check.padding(toLength: 12, withPad: " ", startingAt: 0)
        let advice = finding.advice.map { styled(" → \($0)", .bold) } ?? ""
        print("\(styled(mark, style)) \(name)  \(finding.detail.printable(limit: 700))\(advice)")
    }
}
