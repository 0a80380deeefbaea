import Foundation
import LanguageModels
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// What becomes of the programs that models write: those that fail, those that never end, and those that attack.
struct ChatProgramTests {
    private static let good = "print('fine')"
    private static let bad = "print('so far')\nraise ValueError('wrong')"

    @Test(arguments: 0...3) func aProgramIsFixedThreeTimesAtMost(failures: Int) async throws {
        let programs = Array(repeating: Self.bad, count: failures) + [Self.good]
        try await ChatFixture.with(programs: programs) { chat in
            let (exitCode, result) = try await chat.once("Print fine")
            #expect(exitCode == 0)
            #expect(result["status"]?.string == "SUCCESS")
            #expect(result["code"]?.string == Self.good)
            #expect(result["output"]?.string == "fine\n")
            #expect(result["exit_code"]?.integer == 0)
            #expect(result["attempts"]?.array?.count == failures + 1)
            let requests = await chat.provider.requests
            #expect(requests.count == failures + 1)
            for request in requests.dropFirst() {
                #expect(request.latest.contains("ValueError: wrong (line 2)"))
                #expect(request.latest.contains("so far\nTraceback"))
                #expect(!request.latest.contains(chat.folder))
            }
        }
    }

    @Test func aProgramThatFailsToTheLastIsAFailureWithEveryTraceback() async throws {
        let programs = (1...4).map { "print('try', \($0))\nraise ValueError('error \($0)')" }
        try await ChatFixture.with(programs: programs) { chat in
            let outcome = try await Program.run(
                ["chat", "--once", "Fail"], environment: chat.environment(), in: chat.folder)
            #expect(outcome.exitCode == 1)
            #expect(outcome.output.contains("FAILED after 3 fixes"))
            for number in 1...4 {
                #expect(outcome.output.contains("Attempt \(number): ValueError: error \(number) (line 2)"))
                #expect(outcome.output.contains("  │ raise ValueError('error \(number)')"))
                #expect(outcome.output.contains("  ┃ ValueError: error \(number)"))
            }
            #expect(outcome.output.contains("Final code:\nprint('try', 4)\nraise ValueError('error 4')"))
            #expect(outcome.output.contains("Execution output:\ntry 4\nTraceback"))
            #expect(await chat.provider.requests.count == 4)
        }
    }

    @Test(arguments: [0o600, 0o644]) func keysThatOthersCanReadAreWarnedOf(mode: Int) async throws {
        try await ChatFixture.with(programs: [Self.good]) { chat in
            let file = chat.folder + "/.env"
            try Data("GOOGLE_API_KEY=key-0123456789\n".utf8).write(to: URL(filePath: file))
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
            let outcome = try await Program.run(
                ["chat", "--once", "Print fine"], environment: chat.environment(), in: chat.folder)
            #expect(outcome.exitCode == 0)
            #expect(outcome.errors.contains("chmod 600 .env") == (mode == 0o644), "\(outcome)")
        }
    }

    @Test func howOftenItIsFixedCanBeSet() async throws {
        try await ChatFixture.with(programs: [Self.bad]) { chat in
            let (exitCode, result) = try await chat.once("Fail", ["--fixes", "0"])
            #expect(exitCode == 1)
            #expect(result["attempts"]?.array?.count == 1)
        }
    }

    @Test(arguments: [
        // No fence, prose around it.
        ("Sure, here you go.\n\nimport math\nprint(math.gcd(12, 18))\n\nThis prints 6.", "6\n"),
        // The larger of two programs, and no other language.
        ("```bash\nls\n```\n```python\nx = 1\n```\n```py\nx = 2\ny = x * 3\nprint(y)\n```\n", "6\n"),
        // A fence that nothing closes.
        ("```python\nprint(6)", "6\n"),
        // A fence in the program.
        ("````python\nprint('''\n```\n''')\n````", "\n```\n\n"),
    ])
    func theProgramIsFoundInWhatTheModelWrote(reply: String, output: String) async throws {
        try await ChatFixture.with(script: { _ in .turn(text: reply) }) { chat in
            let (exitCode, result) = try await chat.once()
            #expect(exitCode == 0)
            #expect(result["output"]?.string == output)
            #expect(result["attempts"]?.array?.count == 1)
        }
    }

    @Test func whatIsNoProgramIsNotRun() async throws {
        let replies = ["I cannot do that.", "```python\nprint('half'\n```", ChatFixture.answer(Self.good)]
        try await ChatFixture.with(script: { .turn(text: replies[$0.turn]) }) { chat in
            let (exitCode, result) = try await chat.once()
            #expect(exitCode == 0)
            let attempts = try #require(result["attempts"]?.array)
            #expect(attempts.map { $0["execution"] == nil } == [true, true, false])
            #expect(attempts[0]["failure"]?.string == "the answer holds no Python program")
            #expect(attempts[1]["failure"]?.string?.hasPrefix("SyntaxError: '(' was never closed") == true)
        }
    }

    @Test(arguments: [
        ("Compute the factorial of 5", "def f(n):\n    return 120", false),
        ("Do it", "def main():\n    print(120)", false),
        ("Do it", "x = 1", true),
        ("Write the list of primes to a file", "open('primes', 'w').write('2 3 5')", true),
    ])
    func anEmptyOutputIsASuccessOnlyWhereNoneWasExpected(task: String, program: String, succeeds: Bool) async throws {
        try await ChatFixture.with(programs: [program]) { chat in
            let (exitCode, result) = try await chat.once(task, ["--fixes", "0"])
            #expect(exitCode == (succeeds ? 0 : 1))
            #expect((result["error"]?.string?.contains("without printing anything") == true) == !succeeds)
        }
    }

    // MARK: - Programs that do what they must not

    private static let impatient = ["CODE_TIMEOUT_SECONDS": "2"]

    @Test func aProgramThatNeverEndsIsStoppedWithAllItStarted() async throws {
        let mark = "31537\(UInt16.random(in: 1000...9999))"
        // A grandchild in a session of its own.
        let program = """
            import subprocess
            subprocess.Popen(["sh", "-c", "setsid sleep \(mark) & sleep \(mark)"])
            while True: pass
            """
        try await ChatFixture.with(programs: [program]) { chat in
            let (exitCode, result) = try await chat.once("Loop", ["--fixes", "0"], environment: Self.impatient)
            #expect(exitCode == 1)
            #expect(result["error"]?.string == "it ran longer than 2 s and was stopped")
            #expect(result["attempts"]?.array?[0]["execution"]?["timed_out"]?.bool == true)
            #expect(try await Self.pgrep(mark) == "")
        }
    }

    @Test func whatAProgramLeavesRunningEndsWithIt() async throws {
        let mark = "31538\(UInt16.random(in: 1000...9999))"
        let program = """
            import subprocess
            for _ in range(5):
                subprocess.Popen(["setsid", "sleep", "\(mark)"], stdout=subprocess.DEVNULL)
            print("started")
            """
        try await ChatFixture.with(programs: [program]) { chat in
            let (exitCode, _) = try await chat.once("Fork")
            #expect(exitCode == 0)
            #expect(try await Self.pgrep(mark) == "")
        }
    }

    private static func pgrep(_ mark: String) async throws -> String {
        let result = try await Subprocess.run(
            .name("pgrep"), arguments: ["-f", "sleep \(mark)"], output: .string(limit: 4096))
        return result.standardOutput
    }

    @Test func hugeOutputIsCutInTheMiddle() async throws {
        let program = """
            print("begin")
            for _ in range(100): print("x" * 1_000_000)
            print("end")
            """
        try await ChatFixture.with(programs: [program]) { chat in
            let outcome = try await Program.run(
                ["chat", "--once", "Print"], environment: chat.environment(), in: chat.folder)
            #expect(outcome.exitCode == 0)
            #expect(outcome.output.contains("\nbegin\nxxx"))
            #expect(outcome.output.contains("bytes left out"))
            #expect(outcome.output.contains("xxx\nend"))
            #expect(outcome.output.utf8.count + outcome.errors.utf8.count < 200_000)
        }
    }

    @Test func memoryAndFilesHaveLimits() async throws {
        let program = """
            try:
                bytearray(1 << 30)
            except MemoryError:
                print("no memory")
            try:
                with open("big", "wb") as file: file.truncate(1 << 40)
            except OSError as error:
                print("no file")
            """
        try await ChatFixture.with(programs: [program]) { chat in
            let (_, result) = try await chat.once("Grow", environment: ["CODE_MEMORY_MB": "512"])
            #expect(result["output"]?.string == "no memory\nno file\n")
        }
    }

    @Test func keysAreNotToBeFound() async throws {
        let program = """
            import os, glob
            print(sorted(set(os.environ) & {"HF_TOKEN", "OPENAI_API_KEY", "SHOWN", "HIDDEN"}))
            for path in glob.glob("/proc/[0-9]*/environ"):
                try:
                    if b"hf_secret" in open(path, "rb").read(): print("found in", path)
                except OSError: pass
            """
        try await ChatFixture.with(programs: [program]) { chat in
            let (_, result) = try await chat.once(
                "Steal",
                environment: [
                    "HF_TOKEN": "hf_secret", "SHOWN": "1", "HIDDEN": "1",
                    "SUBPROCESS_ENV_PASSTHROUGH": "PATH,LANG,SHOWN",
                ])
            #expect(result["output"]?.string == "['SHOWN']\n")
        }
    }

    @Test func onlyItsOwnDirectoryIsWritable() async throws {
        // Not below /tmp, of which every sandbox has its own.
        let folder = Project.root.appending(path: ".build/test-chat/\(UUID().uuidString)").path()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let program = """
            import glob, os
            for path in ["\(folder)/written", "/etc/written", "/usr/written"]:
                try:
                    open(path, "w").write("x")
                    print("wrote", path)
                except OSError: pass
            print(glob.glob("\(folder)/data/chat/sessions/*/*.sqlite"), os.listdir(".") == ["main.py"])
            open("own", "w").write("x")
            """
        try await ChatFixture.with(programs: [program]) { chat in
            let (_, result) = try await chat.once("Write", environment: ["SWE_AGENT_DATA": folder + "/data"])
            #expect(result["output"]?.string == "[] True\n")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["data"])
        }
    }

    @Test(arguments: [nil, "on"]) func theNetworkIsThereOnlyIfItIsAskedFor(setting: String?) async throws {
        try await ChatFixture.with(script: { request in
            let port = request.latest.split(separator: ":").last ?? ""
            return .turn(
                text: ChatFixture.answer(
                    """
                    import socket
                    try:
                        socket.create_connection(("127.0.0.1", \(port)), timeout=5).close()
                        service = "reached"
                    except OSError as error:
                        service = "out of reach"
                    ways = len(open("/proc/net/route").readlines()) - 1
                    print("network" if ways else "no network", "service " + service)
                    """))
        }) { chat in
            let more = setting.map { ["SANDBOX_NETWORK": $0] } ?? [:]
            let (_, result) = try await chat.once("Connect to \(chat.provider.url)", environment: more)
            // With a network of its own, the sandbox does not reach the host's loopback.
            let hasOwn = FileManager.default.isExecutableFile(atPath: "/usr/bin/slirp4netns")
            let expected =
                setting == nil
                ? "no network service out of reach\n"
                : hasOwn ? "network service out of reach\n" : "network service reached\n"
            #expect(result["output"]?.string == expected)
        }
    }

    @Test func aMissingInterpreterIsOneLine() async throws {
        try await ChatFixture.with(programs: [Self.good]) { chat in
            let (exitCode, result) = try await chat.once(environment: ["CODE_INTERPRETER": "python9"])
            #expect(exitCode == 1)
            #expect(result["error"]?.string?.contains("set CODE_INTERPRETER") == true)
        }
    }

    // MARK: - Candidates

    @Test func theFirstOfSeveralCandidatesThatWorksWins() async throws {
        // Each is asked for by itself; the answers differ by the order they come in.
        let counter = Counter()
        let programs = ["while True: pass", "raise ValueError('no')", "import math", "print('won')"]
        try await ChatFixture.with(script: { _ in
            .turn(text: ChatFixture.answer(programs[await counter.next() % 4]))
        }) { chat in
            let (exitCode, result) = try await chat.once("Show it", ["--samples", "4"])
            #expect(exitCode == 0)
            #expect(result["output"]?.string == "won\n")
            #expect(result["attempts"]?.array?[0]["candidates"]?.integer == 4)
            #expect(result["attempts"]?.array?[0]["programs"]?.integer == 4)
        }
    }

    private actor Counter {
        private var count = 0

        func next() -> Int {
            defer { count += 1 }
            return count
        }
    }

    // MARK: - After a crash

    @Test func whatWasKilledInTheMidstOfAFixGoesOnThere() async throws {
        let lives = Counter()
        try await ChatFixture.with(script: { request in
            if request.turn == 0 { return .turn(text: ChatFixture.answer(Self.bad)) }
            return await lives.next() == 0 ? .hang : .turn(text: ChatFixture.answer(Self.good))
        }) { chat in
            let killed = try await Subprocess.run(
                .path(FilePath(Program.path)), arguments: ["chat", "--once", "Print fine"],
                environment: Program.environment(chat.environment()), workingDirectory: FilePath(chat.folder),
                input: .none, output: .discarded, error: .sequence
            ) { execution in
                for try await line in execution.standardError.strings() where line.contains("▸ Fixing (1)") {
                    // The model is being asked.
                    while await chat.provider.requests.count < 2 { try await Task.sleep(for: .milliseconds(2)) }
                    try execution.send(signal: .kill)
                }
            }
            #expect(killed.terminationStatus == .signaled(9))
            let (exitCode, terminal) = try await chat.chat(["--resume"]) { terminal in
                try await terminal.wait(for: "Execution output:\nfine")
                try await terminal.waitForLine("You:")
                terminal.type("/code\r")
                try await terminal.wait(for: "You: /code\nprint('fine')")
                terminal.type("exit\r")
            }
            #expect(exitCode == 0)
            let text = terminal.screen.text
            #expect(
                text.contains("You: Print fine\n  Attempt 1: ValueError: wrong (line 2)\nResuming at the stage “fix”"))
            #expect(text.contains("SUCCESS after 1 fix"))
            // The first program was neither asked for nor run again.
            #expect(await chat.provider.requests.map(\.turn) == [0, 1, 1])
            #expect(!text.contains("▸ Generating"))

            let again = try await Program.run(["chat", "--resume"], environment: chat.environment(), in: chat.folder)
            #expect(again.output.contains("You: Print fine\n  SUCCESS: fine\n"))
        }
    }

    @Test func aSignalToEndLeavesTheTaskForLater() async throws {
        let lives = Counter()
        try await ChatFixture.with(script: { _ in
            await lives.next() == 0 ? .hang : .turn(text: ChatFixture.answer(Self.good))
        }) { chat in
            let (exitCode, _) = try await chat.chat { terminal in
                try await terminal.waitForLine("You:")
                terminal.type("Print fine\r")
                while await chat.provider.requests.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
                try terminal.send(SIGTERM)
            }
            #expect(exitCode == 128 + Int(SIGTERM))
            let (_, terminal) = try await chat.chat(["--resume"]) { terminal in
                try await terminal.wait(for: "Execution output:\nfine")
                terminal.type("exit\r")
            }
            #expect(terminal.screen.text.contains("Resuming at the stage “generate” of attempt 1"))
        }
    }

    // MARK: - Wrong use

    @Test(arguments: [
        ["--json"], ["--once", " "], ["--once", "x", "--resume"], ["--fixes", "-1"], ["--samples", "x"],
    ])
    func wrongUseEndsWith2(arguments: [String]) async throws {
        let outcome = try await Program.run(["chat"] + arguments, environment: ["OPENAI_API_KEY": "sk-1"])
        #expect(outcome.exitCode == 2)
        #expect(outcome.output == "")
    }

    @Test(arguments: [
        ["MODEL_SAMPLES": "0"], ["MODEL_TEMPERATURE": "3"], ["MODEL_TOP_P": "0"], ["CODE_TIMEOUT_SECONDS": "x"],
        ["CODE_MEMORY_MB": "1"], ["SUBPROCESS_ENV_PASSTHROUGH": "OPENAI_API_KEY"], ["CODE_INTERPRETER": "-c"],
    ])
    func aSettingThatCannotBeIsNamed(setting: [String: String]) async throws {
        try await withFolder { folder in
            let own = ["OPENAI_API_KEY": "sk-1", "SWE_AGENT_DATA": folder]
            let outcome = try await Program.run(["chat"], environment: own.merging(setting) { $1 })
            #expect(outcome.exitCode == 2)
            #expect(outcome.errors.contains(setting.keys.first ?? ""))
        }
    }

    @Test func aModelThatFailsIsAFailureAndTheChatGoesOn() async throws {
        try await ChatFixture.with(script: { request in
            request.latest == "Break" ? .status(401, body: "{}") : .turn(text: ChatFixture.answer(Self.good))
        }) { chat in
            let (exitCode, terminal) = try await chat.chat { terminal in
                try await terminal.waitForLine("You:")
                terminal.type("Break\r")
                try await terminal.wait(for: "FAILED")
                try await terminal.waitForLine("You:")
                terminal.type("Print fine\r")
                try await terminal.wait(for: "Execution output:\nfine")
                terminal.type("exit\r")
            }
            #expect(exitCode == 0)
            #expect(terminal.screen.text.contains("why: "))
        }
    }
}
