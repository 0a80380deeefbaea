import Foundation
import LanguageModels
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// `swe-agent chat` as a person has it, on a terminal.
struct ChatTerminalTests {
    private static let prompt = "You:"

    @Test func aTaskIsAnsweredWhileItGoesOn() async throws {
        try await ChatFixture.with(programs: ["print(math.pi)", "import math\nprint(math.factorial(5))"]) { chat in
            let (exitCode, terminal) = try await chat.chat { terminal in
                try await terminal.waitForLine(Self.prompt)
                #expect(terminal.screen.text.contains("model openai-compatible/scripted"))
                #expect(terminal.screen.bracketsPastes)
                terminal.type("Generate code to calculate factorial of 5\r")
                try await terminal.wait(for: "Final code:")
                try await terminal.waitForLine(Self.prompt)
                terminal.type("exit\r")
            }
            #expect(exitCode == 0)
            let text = terminal.screen.text
            let order = [
                "▸ Generating", "  │ print(math.pi)", "20 tokens", "▸ Executing", "  ┃ NameError", "exit code 1",
                "▸ Fixing (1): NameError: name 'math' is not defined", "  │ import math", "▸ Executing", "  ┃ 120",
                "exit code 0", "SUCCESS after 1 fix", "Final code:\nimport math\nprint(math.factorial(5))",
                "Execution output:\n120",
            ]
            var rest = text[...]
            for part in order {
                let found = try #require(rest.firstRange(of: part), "“\(part)” does not come in its place:\n\(text)")
                rest = rest[found.upperBound...]
            }
            #expect(!terminal.screen.bracketsPastes)
        }
    }

    @Test func theCodeIsShownWhileItIsGenerated() async throws {
        // The answer never comes to its end; its beginning is on the screen all the same.
        try await ChatFixture.with(script: { _ in .stall(afterBytes: 900) }) { chat in
            let (exitCode, _) = try await chat.chat { terminal in
                try await terminal.waitForLine(Self.prompt)
                terminal.type("Stall\r")
                try await terminal.wait(for: "  │ This answer does")
                terminal.type("\u{03}")
                try await terminal.wait(for: "Cancelled")
                try await terminal.waitForLine(Self.prompt)
                terminal.type("\u{04}")
            }
            #expect(exitCode == 0)
        }
    }

    @Test func outputIsShownWhileTheProgramRunsAndControlCEndsItWithAllItStarted() async throws {
        let mark = "31536\(UInt16.random(in: 1000...9999))"
        let program = """
            import subprocess
            child = subprocess.Popen(["setsid", "sleep", "\(mark)"])
            print("waiting", flush=True)
            child.wait()
            """
        try await ChatFixture.with(programs: [program]) { chat in
            let (exitCode, _) = try await chat.chat { terminal in
                try await terminal.waitForLine(Self.prompt)
                terminal.type("Wait\r")
                try await terminal.wait(for: "  ┃ waiting")
                #expect(Self.processes(with: mark) > 0)
                terminal.type("\u{03}")
                try await terminal.wait(for: "Cancelled")
                try await terminal.waitForLine(Self.prompt)
                #expect(Self.processes(with: mark) == 0)
                // The second Ctrl-C leaves.
                terminal.type("\u{03}")
            }
            #expect(exitCode == 130)
        }
    }

    /// How many processes have an argument.
    private static func processes(with argument: String) -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.count { name in
            guard Int(name) != nil else { return false }
            let arguments = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") ?? Data()
            return arguments.split(separator: 0).contains { $0.elementsEqual(argument.utf8) }
        }
    }

    @Test func keysEditTheLine() async throws {
        try await ChatFixture.with(programs: ["print(1)"]) { chat in
            _ = try await chat.chat { terminal in
                try await terminal.waitForLine(Self.prompt)
                // Arrows, Home, End, Delete, backspace, Ctrl-A E B F D H K U W Y and words, in one line.
                terminal.type("wxrld\u{1B}[D\u{1B}[D\u{1B}[D\u{7F}o\u{01}hello \u{05}!")
                try await terminal.waitForLine("You: hello world!")
                terminal.type("\u{1B}[H\u{1B}[3~H\u{1B}[F one two\u{17}\u{17}\u{02}\u{06} three")
                try await terminal.waitForLine("You: Hello world!  three")
                terminal.type("\u{1B}b\u{0B}\u{01}\u{19} \u{1B}f!\u{05}\u{08}\u{08}")
                try await terminal.waitForLine("You: three Hello! world!")
                terminal.type("\u{1B}[1;5D\u{15}\u{04}\u{05}\r")
                try await terminal.wait(for: "Final code:")
                try await terminal.waitForLine(Self.prompt)
                // Ctrl-C empties a line, Ctrl-L the screen, and Ctrl-U cuts to its beginning.
                terminal.type("nothing\u{03}")
                try await terminal.wait { $0.text.contains("You: nothing\nYou:") }
                terminal.type("rest")
                try await terminal.waitForLine("You: rest")
                terminal.type("\u{0C}")
                try await terminal.wait { $0.visible == ["You: rest"] }
                terminal.type("\u{15}exit\r")
            }
            let requests = await chat.provider.requests
            #expect(requests.map(\.latest) == ["orld!"])
        }
    }

    @Test func wideAndCombiningCharactersKeepTheirPlaces() async throws {
        try await ChatFixture.with(programs: ["print(1)"]) { chat in
            _ = try await chat.chat(size: (20, 10)) { terminal in
                try await terminal.waitForLine(Self.prompt)
                // Behind 15 columns a character of two goes to the next row; é is an e and a mark.
                terminal.type("日本語の文字列をe\u{301}👍x")
                try await terminal.wait { $0.lines.suffix(2) == ["You: 日本語の文字列", "をe\u{301}👍x"] }
                terminal.type("\u{1B}[D\u{7F}\u{7F}")
                try await terminal.wait { $0.lines.suffix(2) == ["You: 日本語の文字列", "をx"] }
                #expect(terminal.screen.cursor.column == 2)
                terminal.type("\u{01}\u{1B}[C\u{7F}e\u{301}")
                try await terminal.wait { $0.lines.suffix(2) == ["You: e\u{301}本語の文字列を", "x"] }
                #expect(terminal.screen.cursor.column == 6)
                terminal.type("\r")
                try await terminal.wait(for: "Final code:")
                try await terminal.waitForLine(Self.prompt)
                terminal.type("quit\r")
            }
            #expect(await chat.provider.requests.map(\.latest) == ["e\u{301}本語の文字列をx"])
        }
    }

    @Test func aPasteOfSeveralLinesIsOneTask() async throws {
        let pasted = "Sum these:\r1 2 3\r\tand 4"
        try await ChatFixture.with(programs: ["print(1)"]) { chat in
            _ = try await chat.chat { terminal in
                try await terminal.waitForLine(Self.prompt)
                terminal.type("\u{1B}[200~\(pasted)\r\u{1B}[201~")
                try await terminal.wait(for: "You: Sum these:\n1 2 3\n    and 4")
                // Up and Home go to the first line of the text.
                terminal.type("\u{1B}[A\u{1B}[A\u{01}Please. \r")
                try await terminal.wait(for: "Final code:")
                try await terminal.waitForLine(Self.prompt)
                terminal.type("exit\r")
            }
            #expect(await chat.provider.requests.map(\.latest) == ["Please. Sum these:\n1 2 3\n\tand 4"])
        }
    }

    @Test func historyOutlivesTheProgram() async throws {
        try await ChatFixture.with(programs: ["print(1)"]) { chat in
            _ = try await chat.chat { terminal in
                try await terminal.waitForLine(Self.prompt)
                terminal.type("first\r")
                try await terminal.wait(for: "Final code:")
                terminal.type("\u{1B}[200~second\rline\u{1B}[201~\r")
                try await terminal.wait { $0.text.components(separatedBy: "Final code:").count == 3 }
                terminal.type("exit\r")
            }
            _ = try await chat.chat { terminal in
                try await terminal.waitForLine(Self.prompt)
                terminal.type("draft\u{1B}[A")
                try await terminal.waitForLine("You: exit")
                terminal.type("\u{1B}[A")
                try await terminal.wait(for: "You: second\nline")
                terminal.type("\u{1B}[A\u{1B}[A")
                try await terminal.waitForLine("You: first")
                terminal.type("\u{1B}[B\u{1B}[B\u{1B}[B")
                try await terminal.waitForLine("You: draft")
                terminal.type("\u{1B}[A\u{1B}[A\u{1B}[A\u{1B}[A again\r")
                try await terminal.wait(for: "Final code:")
                try await terminal.waitForLine(Self.prompt)
                terminal.type("\u{04}")
            }
            #expect(await chat.provider.requests.map(\.latest) == ["first", "second\nline", "first again"])
            let attributes = try FileManager.default.attributesOfItem(atPath: chat.folder + "/data/chat/history")
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
    }

    @Test func theLineFollowsTheSizeOfTheWindow() async throws {
        try await ChatFixture.with(programs: ["print(1)"]) { chat in
            _ = try await chat.chat(size: (40, 10)) { terminal in
                try await terminal.waitForLine(Self.prompt)
                terminal.type("0123456789012345678901234567890123456789")
                try await terminal.wait { $0.lines.suffix(2) == ["You: 01234567890123456789012345678901234", "56789"] }
                terminal.attachAnew(columns: 15, rows: 10)
                terminal.resize(columns: 15, rows: 10)
                try await terminal.wait {
                    $0.lines.suffix(3) == ["You: 0123456789", "012345678901234", "567890123456789"]
                }
                terminal.type("\r")
                try await terminal.wait(for: "Final code:")
                terminal.type("exit\r")
            }
        }
    }

    @Test func whoAttachesLateHitsEnterAndHasThePrompt() async throws {
        try await ChatFixture.with(programs: ["print(6 * 7)"]) { chat in
            let (exitCode, _) = try await chat.chat(size: nil) { terminal in
                // The process waits, on a terminal without a size; nobody sees what it wrote.
                try await terminal.waitForLine(Self.prompt)
                terminal.attachAnew(columns: 60, rows: 20)
                terminal.resize(columns: 60, rows: 20)
                terminal.type("\r")
                try await terminal.waitForLine(Self.prompt)
                terminal.type("Multiply\r")
                try await terminal.wait(for: "Execution output:\n42")
                terminal.type("exit\r")
            }
            #expect(exitCode == 0)
        }
    }

    @Test func whatIsTypedAheadIsTheNextEntry() async throws {
        try await ChatFixture.with(programs: ["import time\nprint('go', flush=True)\ntime.sleep(0.3)"]) { chat in
            let (exitCode, terminal) = try await chat.chat { terminal in
                try await terminal.waitForLine(Self.prompt)
                terminal.type("one\r")
                try await terminal.wait(for: "  ┃ go")
                terminal.type("/code\rexit\r")
            }
            #expect(exitCode == 0)
            #expect(terminal.screen.text.contains("You: /code\nimport time\nprint('go', flush=True)"))
            #expect(await chat.provider.requests.count == 1)
        }
    }

    @Test func commandsAreObeyed() async throws {
        try await ChatFixture.with(programs: ["open('made.txt', 'w').write('kept')\nprint(1)", "print(2)"]) { chat in
            let (_, terminal) = try await chat.chat(size: (100, 200)) { terminal in
                func enter(_ line: String, _ shown: String) async throws {
                    try await terminal.waitForLine(Self.prompt)
                    terminal.type(line + "\r")
                    try await terminal.wait(for: shown)
                }
                try await enter("/code", "There is no program yet")
                try await enter("/undo", "There is nothing to undo")
                try await enter("/help", "/save FILE")
                try await enter("/nonsense", "There is no command /nonsense")
                try await enter("Make one", "SUCCESS")
                try await enter("/save kept/", "Saved main.py, made.txt in kept/")
                try await enter("/save program.py", "Saved program.py")
                try await enter("/save /proc/none", "cannot write /proc/none")
                try await enter("Make two", "SUCCESS")
                try await terminal.wait { $0.text.components(separatedBy: "SUCCESS").count == 3 }
                try await enter("/run", "You: /run\n▸ Executing\n  ┃ 2")
                try await enter("/undo", "Forgot “Make two”")
                try await enter("/code", "You: /code\nopen('made.txt', 'w').write('kept')\nprint(1)")
                try await enter("/reset", "Forgot all tasks")
                try await enter("/model nothing", "MODEL_NAME")
                try await enter("/model openai-compatible/other", "Model: openai-compatible/other")
                try await enter("Make three", "Final code:")
                try await terminal.wait { $0.text.components(separatedBy: "SUCCESS").count == 4 }
                try await terminal.waitForLine(Self.prompt)
                terminal.type("/exit\r")
            }
            let requests = await chat.provider.requests
            #expect(requests.map(\.latest) == ["Make one", "Make two", "Make three"], "\(terminal.screen.text)")
            // The second task was asked on top of the first, the third on top of nothing.
            #expect(requests.map(\.turn) == [0, 1, 0])
            #expect(requests.map(\.model) == ["scripted", "scripted", "other"])
            let kept = try String(contentsOfFile: chat.folder + "/kept/made.txt", encoding: .utf8)
            #expect(kept == "kept")
            let program = try String(contentsOfFile: chat.folder + "/program.py", encoding: .utf8)
            #expect(program == "open('made.txt', 'w').write('kept')\nprint(1)\n")
        }
    }

    @Test func whatModelsAndProgramsWriteDoesNotReachTheTerminalAsCommands() async throws {
        let program = #"print("\x1b]0;title\x07\x1b[2Jcleared\x08\x9b31m")"#
        try await ChatFixture.with(programs: [program]) { chat in
            let (_, terminal) = try await chat.chat { terminal in
                try await terminal.waitForLine(Self.prompt)
                terminal.type("Attack\r")
                try await terminal.wait(for: "Final code:")
                terminal.type("exit\r")
            }
            #expect(terminal.screen.text.contains("[2Jcleared"))
            #expect(!terminal.transcript.contains(7))
        }
    }

    @Test func linesFromAPipeAreTasks() async throws {
        try await ChatFixture.with(programs: ["print('once')", "print('twice')"]) { chat in
            let result = try await Subprocess.run(
                .path(FilePath(Program.path)), arguments: ["chat"],
                environment: Program.environment(chat.environment()), workingDirectory: FilePath(chat.folder),
                input: .string("one\r\n\n/code\ntwo"), output: .string(limit: 1 << 20),
                error: .string(limit: 1 << 20))
            #expect(result.terminationStatus == .exited(0))
            #expect(result.standardError == "")
            let output = result.standardOutput
            #expect(output.contains("You: one\n▸ Generating"))
            #expect(output.contains("You: /code\nprint('once')\nYou: two\n"))
            #expect(output.contains("Execution output:\ntwice"))
            #expect(!output.contains("\u{1B}"))
        }
    }

    @Test func noInputAtAllEndsAtOnce() async throws {
        try await ChatFixture.with(programs: ["print(1)"]) { chat in
            let outcome = try await Program.run(["chat"], environment: chat.environment(), in: chat.folder)
            #expect(outcome.exitCode == 0)
            #expect(outcome.errors == "")
            // A chat without a task leaves nothing behind.
            let sessions = try FileManager.default.contentsOfDirectory(atPath: chat.folder + "/data/chat/sessions")
            #expect(sessions == [])
        }
    }
}
