import Foundation
import LanguageModels
import Sandboxes

/// Finds the program in what a model wrote: cuts fences, prose around it and lines that go round in circles, and lets
/// Python's own parser say where a program ends.
enum ProgramReader {
    /// What kind of text it is.
    enum Kind: String, Codable {
        /// An answer: prose with a fenced block, or a program with prose around it.
        case reply
        /// A program from its beginning, up to where the model ran out of words; its `main` is called if it is not.
        case completion
        /// The beginning of a program, of which as much is taken as parses: a function that goes on as the model liked.
        case continuation
    }

    /// What a text was read as.
    struct Reading: Codable, Sendable, Hashable {
        /// The program; where it is none, the best part of the text.
        var program: String
        /// Why it is no program, in one line; `nil` where it is one.
        var problem: String?
        /// Whether it calls something that prints.
        var prints: Bool
    }

    /// Far more than a model writes; anything longer is cut and so fails to parse.
    private static let textLimit = 512 * 1024

    private struct Question: Encodable {
        struct Item: Encodable {
            var text: String
            var truncated: Bool
        }

        var texts: [Item]
        var kind: Kind
    }

    /// Reads texts in a sandbox.
    ///
    /// - Throws: ``SandboxError``.
    static func read(
        _ texts: [(text: String, finish: FinishReason)], as kind: Kind, with interpreter: String,
        in sandbox: any Sandbox
    ) async throws -> [Reading] {
        let question = Question(
            texts: texts.map { text, finish in
                Question.Item(text: String(text.prefix(textLimit)), truncated: finish == .length)
            },
            kind: kind)
        // One line of JSON, which no line of its own can end.
        let input = String(decoding: try JSONEncoder().encode(question), as: UTF8.self)
        let command = """
            \(interpreter.shellQuoted) -I -S -c \(script.shellQuoted) 2>/dev/null <<'END OF QUESTION'
            \(input)
            END OF QUESTION
            """
        let outcome = try await sandbox.run(SandboxCommand(command, timeout: .seconds(60), outputLimit: 64 << 20))
        guard outcome.succeeded,
            let answer = try? JSONDecoder().decode([Reading].self, from: Data(outcome.output.utf8)),
            answer.count == texts.count
        else {
            throw SandboxError(
                .failed,
                "\(interpreter) could not read what the model wrote; set CODE_INTERPRETER to Python 3.8 or newer")
        }
        return answer
    }
}
