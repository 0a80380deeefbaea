import Agents
import ArgumentParser
import Foundation
import LanguageModels
import Logging
import Workflow

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Do one task here and now.",
        discussion: """
            A repository on this machine is cloned and never edited; the change comes back as a new branch in it and as \
            a patch file. Progress goes to standard error, the result to standard output. Ctrl-C cancels the task and \
            keeps the change it had come to.

            Exit codes: 0 completed, 1 failed, 2 wrong use or settings, 130 cancelled.
            """)

    @Option(
        help: ArgumentHelp("The repository: a path on this machine, or a URL that git clones.", valueName: "path|url"))
    var repo: String

    @OptionGroup var task: GoalOptions

    @Option(
        help: ArgumentHelp(
            "Where the patch file is put; the system's temporary directory without it.", valueName: "dir"))
    var output: String?

    @Flag(help: "Print nothing but the result, as one JSON object.")
    var json = false

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        var flags = options.flags
        // The limits of the operator and of the task are the same person's here.
        flags[.maxSteps] = task.limits.maxSteps.map(String.init)
        flags[.taskTimeout] = task.limits.timeout.map(String.init)
        flags[.maxCost] = task.limits.maxCost.map { "\($0)" }
        var settings = try Settings.load(flags: flags)
        settings.service.allowLocalRepositories = true
        // The repository is named by the owner of the token.
        settings.git.tokenHosts = nil
        settings.service.remoteHosts = .all
        let request = TaskRequest(
            goal: task.goal, repoURL: Self.repositoryURL(repo), baseBranch: task.baseBranch,
            testCommand: task.testCommand)
        let snapshot = try await withTemporaryDirectory { [settings] directory in
            var settings = settings
            settings.service.data = directory + "/data"
            settings.service.workspace = directory + "/workspace"
            return try await Self.perform(request, settings, quietly: json)
        }
        guard let result = snapshot.result else { throw ProgramError("the task ended without a result") }
        let patch = try savePatch(of: result, id: snapshot.id)
        let status = snapshot.status == .completed ? "COMPLETED" : "FAILED"
        if json {
            let report = Report(id: snapshot.id, status: status, logs: snapshot.logs, result: result, patchFile: patch)
            Terminal.output.write(try JSONText(report).text + "\n")
        } else {
            Terminal.output.print(result, status: status, diff: result.patch?.text)
            if let patch { Terminal.output.print("patch     \(patch)") }
        }
        switch snapshot.status {
        case .completed: return
        case .cancelled: throw ExitCode.interrupted
        default: throw ExitCode.failure
        }
    }

    /// What `--json` prints: the task as the service shows it, the patch included.
    private struct Report: Encodable {
        var id: String
        var status: String
        var logs: [String]
        var result: TaskResult
        var patchFile: String?

        enum CodingKeys: String, CodingKey {
            case id, status, logs, result
            case patchFile = "patch_file"
        }
    }

    /// Does a task from its acceptance to its end.
    private static func perform(
        _ request: TaskRequest, _ settings: Settings, quietly: Bool
    ) async throws -> TaskSnapshot {
        let logger = Assembly.logger(settings, default: quietly ? .error : .warning)
        return try await Assembly.withTaskService(settings, logger: logger) { service in
            let id: String
            do {
                id = try await service.submit(request)
            } catch let error as TaskRequestError {
                throw SettingsError("\(error)")
            }
            return try await withSignals {
                Terminal.error.print("\nCancelling; Ctrl-C once more to stop at once")
                _ = try await service.cancel(id)
            } _: {
                try await withThrowingTaskGroup(of: TaskSnapshot?.self) { group in
                    defer { group.cancelAll() }
                    group.addTask {
                        try await service.run()
                        return nil
                    }
                    group.addTask {
                        let events = StoredEvents(store: service.store, id: id)
                        if quietly {
                            for try await _ in events {}
                        } else {
                            _ = try await ProgressDisplay(id: id, on: .error).follow(events)
                        }
                        return try await service.snapshot(of: id)
                    }
                    while let snapshot = try await group.next() {
                        if let snapshot { return snapshot }
                    }
                    throw CancellationError()
                }
            }
        }
    }

    /// A path becomes an absolute one, as the task does not work in this directory.
    private static func repositoryURL(_ text: String) -> String {
        guard !text.isEmpty, FileManager.default.fileExists(atPath: text) else { return text }
        return URL(filePath: text).standardizedFileURL.resolvingSymlinksInPath().path(percentEncoded: false)
            .trimmingSuffix("/")
    }

    /// Writes the patch beside nothing of the user's, unless a place is given.
    private func savePatch(of result: TaskResult, id: String) throws -> String? {
        guard let patch = result.patch, !patch.isEmpty else { return nil }
        let directory = output.map { URL(filePath: $0) } ?? FileManager.default.temporaryDirectory
        let file = directory.appending(path: "swe-agent-\(id.prefix(8)).patch")
        do {
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            try Data(patch.bytes).write(to: file)
        } catch {
            throw ProgramError("cannot write \(file.path(percentEncoded: false)): \(error.localizedDescription)")
        }
        return file.path(percentEncoded: false)
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        count > suffix.count && hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
