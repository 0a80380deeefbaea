import ArgumentParser
import Foundation
import LanguageModels
import Sandboxes
import Workflow

/// Where the program begins and how it ends: 0 done, 1 failed, 2 wrong use or settings, 130 interrupted.
@main
enum Main {
    static func main() async {
        LandlockLaunch.becomeConfined(CommandLine.arguments)
        OutboundNetwork.enterIfAsked(CommandLine.arguments)
        do {
            var command = try SWEAgent.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            exit(report(error))
        }
    }

    /// Prints what ended the program; returns its exit code.
    private static func report(_ error: any Error) -> Int32 {
        // Of the settings anew: the error may be about them.
        let redact = Redaction((try? Settings.reader())?.secrets ?? [])
        switch error {
        case let error as SettingsError:
            Terminal.error.print("swe-agent: \(redact("\(error)"))")
            return 2
        case let error as ProgramError:
            Terminal.error.print("swe-agent: \(redact("\(error)"))")
            return 1
        default: break
        }
        let message = SWEAgent.fullMessage(for: error)
        switch SWEAgent.exitCode(for: error) {
        case .success:
            Terminal.output.print(message)
            return 0
        case .validationFailure:
            Terminal.error.print(message)
            return 2
        case let code:
            if !message.isEmpty { Terminal.error.print("swe-agent: \(redact("\(error)"))") }
            return code.rawValue
        }
    }
}

/// Something that went wrong, in one line for people.
struct ProgramError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}

extension ExitCode {
    /// As a shell reports a program that Ctrl-C ended (128 + SIGINT).
    static let interrupted = ExitCode(130)
}
