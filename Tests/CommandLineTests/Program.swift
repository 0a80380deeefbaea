import Foundation
import Subprocess
import SystemPackage
import TestSupport

/// The program as users start it.
enum Program {
    struct Outcome: Sendable {
        /// 128 and the signal after a signal.
        var exitCode: Int
        var output: String
        var errors: String
    }

    static let path = BuiltProgram.path

    /// Runs it to its end, with no settings but the given ones.
    ///
    /// - Parameter onTerminal: Whether its standard streams are a terminal; all its output is then in `output`.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], in directory: String = "/",
        onTerminal: Bool = false
    ) async throws -> Outcome {
        let pty = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
        let result = try await Subprocess.run(
            onTerminal ? .name("python3") : .path(FilePath(path)),
            arguments: Arguments((onTerminal ? ["-c", pty, path] : []) + arguments),
            environment: Self.environment(environment, onTerminal: onTerminal),
            workingDirectory: FilePath(directory),
            input: .none, output: .string(limit: 16 << 20), error: .string(limit: 1 << 20))
        return Outcome(
            exitCode: result.terminationStatus.code, output: result.standardOutput,
            errors: result.standardError)
    }

    static func environment(_ own: [String: String], onTerminal: Bool = false) -> Environment {
        var variables = own
        variables["PATH"] = own["PATH"] ?? ProcessInfo.processInfo.environment["PATH"]
        variables["HOME"] = own["HOME"] ?? ProcessInfo.processInfo.environment["HOME"]
        if onTerminal { variables["TERM"] = "xterm" }
        return .custom(
            Dictionary(uniqueKeysWithValues: variables.map { (Environment.Key(stringLiteral: $0), $1) }))
    }
}

extension TerminationStatus {
    var code: Int {
        switch self {
        case .exited(let code): Int(code)
        case .signaled(let signal): 128 + Int(signal)
        }
    }
}
