import Agents
import ArgumentParser
import Foundation
import LanguageModels
import Sandboxes
import TaskStore
import UnixSignals
import Workflow

/// The conversation of `swe-agent chat`: entries from the console, tasks to the agent, commands done here.
struct ChatLoop: Sendable {
    let console: Console
    let session: ChatSession
    let parts: Assembly.CodingParts
    let options: CodingOptions
    let output = Terminal.output

    private static let prompt = "You: "

    /// How the chat ended, for the exit code.
    private enum Ending: Error {
        case left
        case broken(Console.BreakOff)
    }

    /// Talks until someone leaves.
    ///
    /// - Throws: `ExitCode` where that was not by `exit` or the end of the input.
    func run(model: String, resume: Bool) async throws {
        // The person types while a model in this process is loaded; what is wrong with it is said with the first task.
        async let _: ModelTraining? = try? parts.catalog.completingModel(named: model)?.training
        var model = model
        do {
            if resume { try await showPast() }
            if let unfinished = await session.unfinished { try await resumeTask(unfinished.id, unfinished.progress) }
            while true {
                // Its sandbox starts while the person types.
                await parts.sandboxes.prepare(1)
                switch await console.read(prompt: Self.prompt) {
                case .endOfInput: throw Ending.left
                case .interrupted: throw Ending.broken(.interrupted)
                case .terminated(let signal): throw Ending.broken(.terminated(signal))
                case .text(let text):
                    let entry = text.trimmingCharacters(in: .whitespacesAndNewlines)
                    if !console.isInteractive, !entry.isEmpty { output.print(Self.prompt + entry.printableLines) }
                    try await handle(entry, &model)
                }
            }
        } catch let ending as Ending {
            switch ending {
            case .left: return
            case .broken(.interrupted): throw ExitCode.interrupted
            case .broken(.terminated(let signal)): throw ExitCode(128 + signal.rawValue)
            }
        }
    }

    private func handle(_ entry: String, _ model: inout String) async throws {
        if entry.isEmpty { return }
        if ["exit", "quit"].contains(entry.lowercased()) { throw Ending.left }
        do {
            if let match = entry.wholeMatch(of: /\/([A-Za-z]+)(?:\s+(.*))?/) {
                try await obey(match.1.lowercased(), String(match.2 ?? ""), &model)
            } else {
                let id = try await session.submit(entry, model: model, options: options)
                try await perform(id)
            }
        } catch let error where !(error is Ending || error is CancellationError || error is JournalError) {
            // One thing that went wrong does not end the chat.
            output.print("\(error)".printable(limit: 1000), .red)
        }
    }

    // MARK: - Tasks

    private func perform(_ id: String) async throws {
        let journal = try await session.journal(of: id)
        let (events, event) = AsyncStream<CodingEvent>.makeStream()
        let output = output
        async let display: Void = ChatDisplay.follow(events, on: output)
        do {
            let agent = parts.agent
            let result = try await console.interruptible {
                try await agent.execute(journal) { event.yield($0) }
            }
            event.finish()
            await display
            output.print(result)
            await session.add(id, result)
        } catch let reason as Console.BreakOff {
            event.finish()
            await display
            // After a signal to end, the task waits for `--resume`.
            guard reason == .interrupted else { throw Ending.broken(reason) }
            let result = try await parts.agent.cancel(journal)
            output.print("Cancelled", .yellow)
            await session.add(id, result)
        } catch {
            event.finish()
            await display
            throw error
        }
        output.print()
    }

    private func showPast() async throws {
        for turn in await session.turns {
            output.print("You: \(turn.result.task.printableLines)")
            let first = turn.result.output.split(whereSeparator: \.isNewline).first.map { ": \($0)" } ?? ""
            output.print("  \(turn.result.status.rawValue)\(first.printable(limit: 200))", .dim)
        }
    }

    private func resumeTask(_ id: String, _ progress: CodingProgress) async throws {
        output.print("You: \(progress.request.task.printableLines)")
        for attempt in progress.attempts {
            output.print("  Attempt \(attempt.number): \((attempt.failure ?? "works").printable(limit: 300))", .dim)
        }
        let stage = progress.stage?.rawValue ?? CodingStage.generate.rawValue
        output.print("Resuming at the stage “\(stage)” of attempt \(progress.attempts.count + 1)", .yellow)
        try await perform(id)
    }

    // MARK: - Commands

    private static let help = """
        Type a task in plain words; the program for it is written, run, and fixed while it fails.
          /code         show the current program
          /run          run it again
          /save FILE    save it; a directory (FILE/) also gets the files that it made
          /model [NAME] show or change the model
          /undo         forget the last task
          /reset        forget all tasks of this chat
          /help         show this
          exit, quit    leave (also Ctrl-D; Ctrl-C stops what runs, and twice leaves)
        Alt-Enter makes a new line; a paste of several lines is one task.
        """

    private func obey(_ command: String, _ argument: String, _ model: inout String) async throws {
        switch command {
        case "help": output.print(Self.help)
        case "model":
            if !argument.isEmpty {
                try parts.validate(argument)
                model = argument
            }
            output.print("Model: \(model)")
        case "code":
            guard let turn = await session.current else { return noProgram() }
            output.print(turn.result.code.printableLines)
        case "run":
            guard let turn = await session.current else { return noProgram() }
            try await runAgain(turn.result.code)
        case "save": try await save(to: argument)
        case "undo":
            let turn = try await session.undo()
            output.print(turn.map { "Forgot “\($0.result.task.printable(limit: 100))”" } ?? "There is nothing to undo")
        case "reset":
            try await session.reset()
            output.print("Forgot all tasks of this chat")
        case "exit", "quit": throw Ending.left
        default: output.print("There is no command /\(command); /help lists them", .red)
        }
    }

    private func noProgram() {
        output.print("There is no program yet", .red)
    }

    private func runAgain(_ code: String) async throws {
        let (events, event) = AsyncStream<CodingEvent>.makeStream()
        let output = output
        async let display: Void = ChatDisplay.follow(events, on: output)
        defer { event.finish() }
        do {
            let agent = parts.agent
            try await console.interruptible {
                try await agent.run(code) { event.yield($0) }
            }
            event.finish()
            await display
        } catch let reason as Console.BreakOff {
            event.finish()
            await display
            guard reason == .interrupted else { throw Ending.broken(reason) }
            output.print("Cancelled", .yellow)
        }
    }

    private func save(to name: String) async throws {
        guard !name.isEmpty else { return output.print("Say where: /save FILE", .red) }
        guard let turn = await session.current else { return noProgram() }
        let home = NSHomeDirectory()
        let path = name == "~" || name.hasPrefix("~/") ? home + name.dropFirst() : name
        var isDirectory: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
        do {
            if path.hasSuffix("/") || (exists && isDirectory.boolValue) {
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
                let files = try await parts.sandboxes.copyFiles(to: path)
                let file = URL(filePath: path).appending(path: "main.py")
                try Data((turn.result.code + "\n").utf8).write(to: file)
                let others = files.filter { $0 != "main.py" }.map { $0.printable() }
                output.print("Saved \((["main.py"] + others).joined(separator: ", ")) in \(path.printable())")
            } else {
                try Data((turn.result.code + "\n").utf8).write(to: URL(filePath: path))
                output.print("Saved \(path.printable())")
            }
        } catch let error as CocoaError {
            throw ProgramError("cannot write \(path): \(error.localizedDescription)")
        }
    }
}
