import Agents
import ArgumentParser
import Foundation
import LanguageModels
import Sandboxes
import Workflow

struct HumanEvalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "humaneval",
        abstract: "Score a model by the problems of a file in HumanEval's format.",
        discussion: """
            The model completes each function, K times; each solution is tested in a sandbox of its own. What is done is \
            written to the samples file problem by problem: the same command goes on where it was broken off.

            The report has pass@k by the unbiased estimator (Chen et al. 2021). Exit codes: 0 scored; 1 failed; 2 wrong \
            use or settings; 130 interrupted.
            """)

    @Argument(help: "The problems: JSON lines with task_id, prompt, entry_point, canonical_solution and test.")
    var file: String

    @Option(
        help: ArgumentHelp(
            "The samples file; without it, the name of the problems' and the model's in this directory.",
            valueName: "file"))
    var output: String?

    @Option(help: ArgumentHelp("The seconds that a test may take.", valueName: "seconds"))
    var testTimeout = 10

    @Flag(help: "Print the report as one JSON object.")
    var json = false

    @OptionGroup(title: "Generation") var coding: CodingOptionFlags
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard (1...86_400).contains(testTimeout) else { throw ValidationError("--test-timeout takes 1 to 86400.") }
    }

    func run() async throws {
        var settings = try Settings.load(flags: options.flags.merging(coding.flags) { $1 })
        settings.coding.seconds = testTimeout
        settings.coding.options.seed = coding.seed
        let problems: [HumanEvalProblem]
        let samples: SamplesFile
        do {
            problems = try HumanEvalProblem.problems(file: URL(filePath: file))
            samples = try SamplesFile(
                path: output ?? Self.outputName(file, settings.models.name),
                header: SamplesFile.Header(
                    model: settings.models.name, samples: settings.coding.options.samples ?? 1,
                    options: settings.coding.options))
        } catch let error as HumanEvalError {
            throw SettingsError("\(error)")
        }
        let report = try await withTemporaryDirectory { [settings] directory in
            try await Assembly.withCodingAgent(settings, workspace: directory, hiding: directory) { parts in
                if let warning = parts.warning { Terminal.error.print(warning, .yellow) }
                return try await withSignals {
                    throw ExitCode.interrupted
                } _: {
                    try await Self.score(problems, settings, parts, samples)
                }
            }
        }
        if json {
            Terminal.output.write(try JSONText(report).text + "\n")
        } else {
            Terminal.output.print(report, samples: samples.path)
        }
    }

    private static func outputName(_ file: String, _ model: String) -> String {
        let name = URL(filePath: file).deletingPathExtension().lastPathComponent
        let model = model.map { $0.isLetter || $0.isNumber || ".-_".contains($0) ? $0 : "-" }
        return "\(name).\(String(model)).samples.jsonl"
    }

    /// Solves the problems that the samples file does not have yet.
    private static func score(
        _ problems: [HumanEvalProblem], _ settings: Settings, _ parts: Assembly.CodingParts, _ samples: SamplesFile
    ) async throws -> HumanEvalReport {
        let known = Set(problems.map(\.taskID))
        var done = try samples.read().filter { known.contains($0.taskID) }
        let solved = Set(done.map(\.taskID))
        let open = problems.filter { !solved.contains($0.taskID) }
        let progress = EvalProgress(total: problems.count)
        progress.show(done)
        let name = settings.models.name
        do {
            let model = try parts.model(named: name) { line in Terminal.error.print(line.printable(), .dim) }
            let evaluation = try await HumanEvaluation(
                agent: parts.agent, model: model, options: settings.coding.options)
            try await withThrowingTaskGroup(of: [HumanEvalSample].self) { group in
                var waiting = open[...]
                for problem in waiting.prefix(evaluation.parallelism) {
                    group.addTask { try await evaluation.solve(problem) }
                }
                waiting = waiting.dropFirst(evaluation.parallelism)
                while let solved = try await group.next() {
                    try samples.append(solved)
                    done += solved
                    progress.show(done)
                    if let next = waiting.popFirst() { group.addTask { try await evaluation.solve(next) } }
                }
            }
        } catch let error where error is ModelError || error is SandboxError || error is HumanEvalError {
            progress.end()
            throw ProgramError("\(error) (what is done is in \(samples.path); the same command goes on)")
        }
        progress.end()
        return HumanEvalReport(model: name, samples: done)
    }
}

/// A bar that fills up, on a terminal only.
private struct EvalProgress {
    private static let width = 30

    let total: Int
    private let terminal = Terminal.error

    init(total: Int) {
        self.total = total
    }

    func show(_ samples: [HumanEvalSample]) {
        guard terminal.isInteractive else { return }
        let done = Set(samples.map(\.taskID)).count
        let filled = total == 0 ? 0 : done * Self.width / total
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.width - filled)
        let score = HumanEvalReport(model: "", samples: samples).passAt["1"].map { ", pass@1 \($0.percent)" } ?? ""
        terminal.write("\r\u{1B}[2K\(terminal.styled(bar, .cyan)) \(done)/\(total)\(score)")
    }

    func end() {
        if terminal.isInteractive { terminal.write("\n") }
    }
}

extension Terminal {
    fileprivate func print(_ report: HumanEvalReport, samples: String) {
        print("\(report.model): \(report.problems) problems, \(report.samplesPerProblem) samples each")
        for (k, score) in report.passAt.sorted(by: { (Int($0.key) ?? 0) < (Int($1.key) ?? 0) }) {
            print("pass@\(k)  \(score.percent)", .bold)
        }
        print(report.results.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", "))
        print("samples: \(samples)", .dim)
    }
}

extension Double {
    fileprivate var percent: String {
        (self * 100).formatted(.number.precision(.fractionLength(1)).locale(Locale(identifier: "en_US_POSIX"))) + " %"
    }
}
