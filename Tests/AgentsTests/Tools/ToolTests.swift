import Agents
import LanguageModels
import Sandboxes
import Testing

/// The tools in a real sandbox.
@Suite(.timeLimit(.minutes(5)))
struct ToolTests {
    private struct Desk: Sendable {
        var context: ToolContext

        func call(_ name: String, _ arguments: [String: JSONValue] = [:]) async throws -> ToolOutput {
            try await Toolbox.programmer.call(
                ToolCall(id: "1", name: name, arguments: .object(arguments)), in: context)
        }

        func contents(_ path: String) async throws -> String {
            String(
                decoding: try await context.sandbox.readFile(context.directory + "/" + path, limit: 1 << 24),
                as: UTF8.self)
        }
    }

    private func with(
        _ files: [String: String] = [:], outputLimit: Int = 16 * 1024, timeout: Duration = .seconds(60),
        _ body: @Sendable @escaping (Desk) async throws -> Void
    ) async throws {
        try await TaskSandbox.holding(files) { sandbox, directory in
            try await body(
                Desk(
                    context: ToolContext(
                        sandbox: sandbox, directory: directory, commandTimeout: timeout, outputLimit: outputLimit)))
        }
    }

    // MARK: - bash

    @Test func bashKeepsItsStateAndTellsTheExitCode() async throws {
        try await with(["sub/a.txt": ""]) { desk in
            #expect(
                try await desk.call("bash", ["command": "pwd"]).content == "\(desk.context.directory)\n[exit code 0]")
            #expect(try await desk.call("bash", ["command": "cd sub; x=1"]).content == "[no output]\n[exit code 0]")
            let outcome = try await desk.call("bash", ["command": "echo $x; ls; printf end; false"])
            #expect(outcome == ToolOutput("1\na.txt\nend\n[exit code 1]"))
            let restarted = try await desk.call("bash", ["command": "exit 3"]).content
            #expect(restarted.contains("[exit code 3]"))
            #expect(restarted.contains("the shell is gone"))
            #expect(try await desk.call("bash", ["command": "pwd"]).content.hasPrefix(desk.context.directory + "\n"))
            #expect(try await desk.call("bash", ["command": " "]).isError)
        }
    }

    @Test func bashStatesTimeoutsAndCuts() async throws {
        try await with(outputLimit: 1000) { desk in
            let killed = try await desk.call("bash", ["command": "echo begun; sleep 1000", "timeout_seconds": 1])
            #expect(killed.isError)
            #expect(killed.content.contains("begun"))
            #expect(killed.content.contains("did not end within 1 s"))
            let cut = try await desk.call("bash", ["command": "seq 100000"]).content
            #expect(cut.hasPrefix("1\n2\n"))
            #expect(cut.contains("bytes left out"))
            #expect(cut.hasSuffix("99999\n100000\n[exit code 0]"))
            #expect(cut.utf8.count < 1200)
        }
        try await with(timeout: .seconds(1)) { desk in
            let killed = try await desk.call("bash", ["command": "sleep 1000", "timeout_seconds": 500])
            #expect(killed.content.contains("within 1 s"))
        }
    }

    @Test func bashTakesTheIDOfItsContext() async throws {
        try await with { desk in
            var desk = desk
            desk.context.commandID = "step-1"
            _ = try await desk.call("bash", ["command": "exit 4"])
            #expect(try await desk.context.sandbox.outcome(ofCommand: "step-1")?.exitCode == 4)
        }
    }

    // MARK: - view_file

    @Test func viewFileNumbersLines() async throws {
        let long = String(repeating: "x", count: 3000)
        let files = [
            "a.txt": (1...500).map { "line \($0)\n" }.joined(), "crlf.txt": "a\r\nb", "empty": "", "bin": "a\0b",
            "long": long + "\nnext\n", "d/x": "", "d/y/z": "",
        ]
        try await with(files, outputLimit: 2000) { desk in
            #expect(
                try await desk.call("view_file", ["path": "a.txt", "start_line": 3, "end_line": "4"]).content
                    == "a.txt, lines 3 to 4 of 500:\n     3\tline 3\n     4\tline 4\n")
            let cut = try await desk.call("view_file", ["path": "./a.txt"]).content
            #expect(cut.hasPrefix("a.txt, lines 1 to 1"))
            #expect(cut.utf8.count < 2200)
            let last = try #require(cut.split(separator: "\n").last)
            let next = try #require(last.split { !$0.isNumber }.last.flatMap { Int($0) })
            #expect(last == "[cut at 2000 bytes: go on with start_line \(next)]")
            let rest = try await desk.call("view_file", ["path": "a.txt", "start_line": .integer(Int64(next))])
            #expect(rest.content.contains("\n" + String(repeating: " ", count: 3) + "\(next)\tline \(next)\n"))
            let end = try await desk.call("view_file", ["path": "a.txt", "start_line": 499])
            #expect(end.content.hasSuffix("\tline 500\n"))

            #expect(
                try await desk.call("view_file", ["path": "crlf.txt"]).content
                    == "crlf.txt, lines 1 to 2 of 2:\n     1\ta\n     2\tb\n")
            #expect(try await desk.call("view_file", ["path": "empty"]).content == "empty is empty.")
            #expect(try await desk.call("view_file", ["path": "bin"]).content == "bin is a binary file of 3 bytes.")
            let cutLine = try await desk.call("view_file", ["path": "long"]).content
            #expect(cutLine.contains("x [... 2000 bytes left out]\n     2\tnext\n"))
            #expect(
                try await desk.call("view_file", ["path": "d"]).content == "d is a directory:\nx\ny/")
            for wrong: [String: JSONValue] in [
                ["path": "missing"], ["path": "a.txt", "start_line": 501],
                ["path": "a.txt", "start_line": 5, "end_line": 4], ["path": "a.txt", "start_line": "x"], [:],
            ] {
                #expect(try await desk.call("view_file", wrong).isError)
            }
        }
    }

    // MARK: - write_file

    @Test func writeFileMakesFolders() async throws {
        try await with(["a.txt": "old"]) { desk in
            let output = try await desk.call("write_file", ["path": "new/dir/it's.txt", "content": "a\nb\u{0}é\n"])
            #expect(output == ToolOutput("Wrote new/dir/it's.txt: 2 lines, 7 bytes."))
            #expect(try await desk.contents("new/dir/it's.txt") == "a\nb\u{0}é\n")
            _ = try await desk.call("write_file", ["path": "a.txt", "content": ""])
            #expect(try await desk.contents("a.txt") == "")
            #expect(try await desk.call("write_file", ["path": "new/dir", "content": "x"]).isError)
            #expect(try await desk.call("write_file", ["path": "x"]).isError)
        }
    }

    // MARK: - edit_file

    @Test func editFileReplacesOnceOrEverywhere() async throws {
        try await with(["a.py": "def f():\n    return 1\n\ndef g():\n    return 1\n"]) { desk in
            let output = try await desk.call(
                "edit_file",
                ["path": "a.py", "old_text": "def g():\n    return 1", "new_text": "def g():\n    return 2"])
            #expect(output.content.hasPrefix("Edited a.py, line 4."))
            #expect(output.content.contains("     5\t    return 2\n"))
            let ambiguous = try await desk.call(
                "edit_file", ["path": "a.py", "old_text": "return", "new_text": "yield"])
            #expect(ambiguous.isError)
            #expect(ambiguous.content.contains("2 times, at lines 2, 5"))
            #expect(try await desk.contents("a.py") == "def f():\n    return 1\n\ndef g():\n    return 2\n")
            let all = try await desk.call(
                "edit_file", ["path": "a.py", "old_text": "return", "new_text": "yield", "replace_all": "true"])
            #expect(all.content.hasPrefix("Edited a.py, 2 places."))
            #expect(try await desk.contents("a.py") == "def f():\n    yield 1\n\ndef g():\n    yield 2\n")
        }
    }

    @Test func editFileKeepsModesAndMakesNothing() async throws {
        try await with(["run.sh": "echo a\n", "bin": "a\0b"]) { desk in
            _ = try await desk.call("bash", ["command": "chmod 751 run.sh"])
            _ = try await desk.call("edit_file", ["path": "run.sh", "old_text": "a", "new_text": "b"])
            #expect(
                try await desk.call("bash", ["command": "stat -c %a run.sh; cat run.sh"]).content.hasPrefix(
                    "751\necho b\n"))
            let missing = try await desk.call("edit_file", ["path": "new", "old_text": "a", "new_text": "b"])
            #expect(missing.isError)
            #expect(missing.content.contains("write_file"))
            #expect(try await desk.call("edit_file", ["path": "bin", "old_text": "a", "new_text": "b"]).isError)
            #expect(try await desk.call("edit_file", ["path": ".", "old_text": "a", "new_text": "b"]).isError)
            #expect(try await desk.call("bash", ["command": "ls"]).content == "bin\nrun.sh\n[exit code 0]")
        }
    }

    // MARK: - search and list_files

    @Test(arguments: [true, false])
    func searchFindsLines(_ hasRipgrep: Bool) async throws {
        let files = [
            "a.py": "import os\nx = 1\n", "sub/b.py": "import sys\n", "sub/c.txt": "import x\n", "bin": "import\0\n",
            ".hidden": "import h\n", "many.txt": String(repeating: "many\n", count: 1000),
        ]
        try await with(files) { desk in
            _ = try await desk.call("bash", ["command": "git init -q ."])
            if !hasRipgrep {
                let path = try await desk.call(
                    "bash",
                    [
                        "command":
                            "mkdir ../bin; for p in bash grep head git ls; do ln -s $(type -P $p) ../bin; done; PATH=$(realpath ../bin)"
                    ])
                #expect(path.content.contains("exit code 0"))
            }
            func lines(_ arguments: [String: JSONValue]) async throws -> Set<Substring> {
                Set(try await desk.call("search", arguments).content.split(separator: "\n"))
            }
            #expect(
                try await lines(["pattern": "^import [a-z]"])
                    == ["a.py:1:import os", "sub/b.py:1:import sys", "sub/c.txt:1:import x", ".hidden:1:import h"])
            #expect(
                try await lines(["pattern": "import", "glob": "*.py"]) == ["a.py:1:import os", "sub/b.py:1:import sys"])
            #expect(try await lines(["pattern": "import", "path": "sub/b.py"]) == ["sub/b.py:1:import sys"])
            #expect(try await desk.call("search", ["pattern": "--files"]).content.contains("No line"))
            #expect(try await desk.call("search", ["pattern": "$(touch /tmp/x)'"]).isError == false)
            let many = try await desk.call("search", ["pattern": "many"]).content
            #expect(many.hasSuffix("[cut after 200 lines: search for less]"))
            #expect(try await desk.call("search", ["pattern": "("]).isError)
            #expect(try await desk.call("search", ["pattern": "x", "path": "missing"]).isError)
            #expect(try await desk.call("search", ["pattern": ""]).isError)
        }
    }

    @Test func listFilesLeavesIgnoredOnesOut() async throws {
        let files = [
            "a.py": "", "sub/b.py": "", "sub/deep/c.py": "", "sub/ü.txt": "", ".gitignore": "*.log\n", "x.log": "",
        ]
        try await with(files) { desk in
            #expect(try await desk.call("list_files").isError)
            _ = try await desk.call("bash", ["command": "git init -q . && git add a.py"])
            func list(_ arguments: [String: JSONValue]) async throws -> [Substring] {
                try await desk.call("list_files", arguments).content.split(separator: "\n")
            }
            #expect(
                try await Set(list([:])) == [".gitignore", "a.py", "sub/b.py", "sub/deep/c.py", "sub/ü.txt"])
            #expect(try await Set(list(["glob": "*.py"])) == ["a.py", "sub/b.py", "sub/deep/c.py"])
            #expect(try await list(["path": "sub", "glob": "*.py"]) == ["sub/b.py", "sub/deep/c.py"])
            #expect(try await list(["glob": "sub/*.py"]) == ["sub/b.py"])
            #expect(try await list(["glob": "nothing"]) == ["There are no files that match."])
            _ = try await desk.call("bash", ["command": "touch $(seq 600)"])
            #expect(try await list([:]).last == "[cut after 500 files: name a directory or glob]")
        }
    }

    // MARK: - paths

    @Test(arguments: ["../x", "sub/../../x", "/etc/passwd", "/", "..", "sub/./../.."])
    func pathsOutsideAreRefused(_ path: String) async throws {
        try await with(["sub/a.txt": ""]) { desk in
            for name in ["view_file", "write_file", "edit_file", "search", "list_files"] {
                let output = try await desk.call(
                    name,
                    [
                        "path": .string(path), "content": "x", "old_text": "a", "new_text": "b", "pattern": "x",
                    ])
                #expect(output.isError)
                #expect(output.content.contains("leads out of the repository"))
            }
            // A neighbour whose name begins the same is outside too.
            #expect(try await desk.call("view_file", ["path": .string(desk.context.directory + "-other/x")]).isError)
            let inside = try await desk.call(
                "write_file", ["path": .string(desk.context.directory + "/sub/../b.txt"), "content": "x"])
            #expect(inside.content.hasPrefix("Wrote b.txt"))
        }
    }

    // MARK: - the toolbox

    @Test func theToolboxTellsTheModelWhatItDidWrong() async throws {
        try await with { desk in
            let unknown = try await desk.call("shell", ["command": "ls"])
            #expect(unknown.isError)
            #expect(unknown.content.contains("bash, view_file, edit_file, write_file, search, list_files, submit"))
            let malformed = try await Toolbox.programmer.call(
                ToolCall(id: "1", name: "bash", arguments: .malformed("{\"command\": \"ls")), in: desk.context)
            #expect(malformed.isError)
            #expect(
                malformed.content.contains("valid JSON: {\"command\": string, \"timeout_seconds\": integer (optional)}")
            )
            let missing = try await desk.call("bash", ["cmd": "ls"])
            #expect(missing.isError)
            #expect(missing.content.contains("bash: parameter \"command\": a string is required"))
            let wrong = try await desk.call("bash", ["command": ["ls"]])
            #expect(wrong.content.contains("a string is expected"))
            #expect(try await desk.call("bash", ["command": "echo 1", "unknown": 1]).content == "1\n[exit code 0]")
            let submitted = try await desk.call("submit", ["summary": "Done."])
            #expect(submitted == ToolOutput("Submitted.", submission: "Done."))
        }
    }

    @Test func thePlannerGetsOnlyWhatReads() {
        #expect(Toolbox.programmer.readOnly.definitions.map(\.name) == ["view_file", "search", "list_files"])
    }

    @Test func definitionsUseOnlyWhatEveryProviderTakes() throws {
        for definition in Toolbox.programmer.definitions {
            let schema = try #require(definition.parameters.object)
            #expect(Set(schema.keys) == ["type", "properties", "required"])
            #expect(schema["type"] == "object")
            let properties = try #require(schema["properties"]?.object)
            for property in properties.values {
                #expect(Set(try #require(property.object).keys) == ["type", "description"])
            }
            for name in try #require(schema["required"]?.array) {
                #expect(properties[try #require(name.string)] != nil)
            }
        }
    }
}
