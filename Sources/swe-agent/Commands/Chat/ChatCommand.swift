import Agents
import ArgumentParser
import Foundation
import TaskStore
import Workflow

struct ChatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat",
        abstract: "Have small programs written, run and fixed, one task after another.",
        discussion: """
            Type a task in plain words. The model writes a Python program, which runs in a sandbox of its own without \
            network, on this machine whatever SANDBOX_TYPE says; if it fails, the model is shown the error and fixes it, three times at most. Each step is recorded: \
            after a crash, --resume goes on where it was.

            Exit codes: 0 left, or with --once succeeded; 1 failed; 2 wrong use or settings; 130 interrupted.
            """)

    @Option(help: ArgumentHelp("Do one task and end.", valueName: "task"))
    var once: String?

    @Flag(help: "With --once: print nothing but the result, as one JSON object.")
    var json = false

    @Flag(help: "Go on with the last chat, and with the task in it that was broken off.")
    var resume = false

    @Option(help: "How often a program that failed is fixed, from 0 to 20.")
    var fixes = CodingAgent.defaultFixes

    @OptionGroup(title: "Generation") var coding: CodingOptionFlags
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        if json, once == nil { throw ValidationError("--json needs --once.") }
        if resume, once != nil { throw ValidationError("--resume and --once exclude each other.") }
        guard (0...20).contains(fixes) else { throw ValidationError("--fixes takes a number from 0 to 20.") }
        if let once, once.allSatisfy(\.isWhitespace) { throw ValidationError("--once needs a task.") }
    }

    func run() async throws {
        let flags = options.flags.merging(coding.flags) { $1 }
        let reader = try Settings.reader(flags: flags)
        var settings = try Settings(reader)
        settings.coding.options.fixes = fixes
        settings.coding.options.seed = coding.seed
        let directory = try ChatDirectory(reader)
        directory.removeOld()
        try await withSession(in: directory) { [settings] session, path in
            let workspace = path + "/work"
            // What a chat that was killed left behind.
            try? FileManager.default.removeItem(atPath: workspace)
            defer { try? FileManager.default.removeItem(atPath: workspace) }
            try await Assembly.withCodingAgent(settings, workspace: workspace, hiding: directory.path) { parts in
                if let once {
                    try await Self.perform(once, settings, session, parts, json: json)
                } else {
                    try await converse(settings, session, parts, directory)
                }
            }
        }
    }

    /// Opens the session: a new one, or the last that nobody else has open.
    private func withSession(
        in directory: ChatDirectory,
        _ body: @escaping @Sendable (_ session: ChatSession, _ path: String) async throws -> Void
    ) async throws {
        for path in resume ? directory.sessions : [] {
            do {
                return try await ChatSession.withSession(in: path) { session in try await body(session, path) }
            } catch let error as TaskStoreError {
                if "\(error)".contains("in use") { continue }
                throw SettingsError("\(error)")
            }
        }
        if resume { Terminal.output.print("There is no earlier chat to go on with; this is a new one", .yellow) }
        let path = directory.newSession()
        do {
            try await ChatSession.withSession(in: path) { session in try await body(session, path) }
        } catch let error as TaskStoreError {
            throw SettingsError("\(error)")
        }
    }

    private func converse(
        _ settings: Settings, _ session: ChatSession, _ parts: Assembly.CodingParts, _ directory: ChatDirectory
    ) async throws {
        let output = Terminal.output
        output.print(
            output.styled("swe-agent \(SWEAgent.version)", .bold)
                + " · model \(settings.models.name) · sandbox \(parts.sandbox)")
        if let warning = parts.warning { output.print(warning, .yellow) }
        output.print("Type a task and press Enter; /help lists commands, exit leaves.", .dim)
        output.print()
        try await Console.withConsole(history: InputHistory(file: directory.history)) { [resume] console in
            let loop = ChatLoop(
                console: console, session: session, parts: parts, options: settings.coding.options)
            try await loop.run(model: settings.models.name, resume: resume)
        }
    }

    /// Does one task, and says by the exit code how it ended.
    private static func perform(
        _ task: String, _ settings: Settings, _ session: ChatSession, _ parts: Assembly.CodingParts, json: Bool
    ) async throws {
        if let warning = parts.warning { Terminal.error.print(warning, .yellow) }
        let id = try await session.submit(task, model: settings.models.name, options: settings.coding.options)
        let journal = try await session.journal(of: id)
        let (events, event) = AsyncStream<CodingEvent>.makeStream()
        async let shown: Void = show(events, quietly: json)
        let result: CodingResult
        do {
            result = try await withSignals {
                throw ExitCode.interrupted
            } _: {
                try await parts.agent.execute(journal) { event.yield($0) }
            }
        } catch is ExitCode {
            result = try await parts.agent.cancel(journal)
        }
        event.finish()
        await shown
        if json {
            Terminal.output.write(try JSONText(result, keys: .convertToSnakeCase).text + "\n")
        } else {
            Terminal.output.print(result)
        }
        switch result.status {
        case .success: return
        case .failed: throw ExitCode.failure
        case .cancelled: throw ExitCode.interrupted
        }
    }

    private static func show(_ events: AsyncStream<CodingEvent>, quietly: Bool) async {
        if quietly {
            for await _ in events {}
        } else {
            await ChatDisplay.follow(events, on: .error)
        }
    }
}
