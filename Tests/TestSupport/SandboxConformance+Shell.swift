import Sandboxes
import Testing

extension SandboxConformance {
    /// The shell keeps its state, and no script confuses it.
    static let shellChecks: [SandboxConformance] = [
        check("state stays between commands") { (sandbox) async throws in
            _ = try await sandbox.run(
                SandboxCommand("mkdir -p sub; cd sub; export A=1; B='two words'; f() { echo f; }; declare -A m=([k]=v)")
            )
            let outcome = try await sandbox.run(SandboxCommand("pwd; env | grep '^A='; echo \"$B\"; f; echo ${m[k]}"))
            #expect(outcome.output == "\(sandbox.workspace)/sub\nA=1\ntwo words\nf\nv\n")
            #expect(outcome.exitCode == 0)
            #expect(!outcome.shellRestarted)
        },
        check("a command starts in the workspace or in the directory it names") { (sandbox) async throws in
            #expect(try await sandbox.run(SandboxCommand("pwd")).output == "\(sandbox.workspace)\n")
            let inRoot = try await sandbox.run(SandboxCommand("pwd", directory: "/"))
            #expect(inRoot.output == "/\n")
            #expect(try await sandbox.run(SandboxCommand("pwd")).output == "/\n")
            _ = try await sandbox.run(SandboxCommand("mkdir -p \"$PWD/it's\"", directory: "."))
            #expect(
                try await sandbox.run(SandboxCommand("pwd", directory: "it's")).output
                    == "\(sandbox.workspace)/it's\n")
            let missing = try await sandbox.run(SandboxCommand("echo not reached", directory: "/no/such"))
            #expect(missing.exitCode == 1)
            #expect(missing.output.contains("No such file or directory"))
            #expect(!missing.output.contains("not reached"))
        },
        check("exit codes") { (sandbox) async throws in
            #expect(try await sandbox.run(SandboxCommand("true")).succeeded)
            #expect(try await sandbox.run(SandboxCommand("(exit 42)")).exitCode == 42)
            #expect(try await sandbox.run(SandboxCommand("echo $?; (exit 7)")).output == "42\n")
            #expect(try await sandbox.run(SandboxCommand("no-such-program")).exitCode == 127)
            #expect(try await sandbox.run(SandboxCommand("sh -c 'kill -9 $$'")).exitCode == 137)
            #expect(try await sandbox.run(SandboxCommand("")).exitCode == 0)
        },
        check("scripts of any form") { (sandbox) async throws in
            let heredoc = try await sandbox.run(
                SandboxCommand("for i in 1 2\ndo\n  cat <<'EOF' |\n$i it's \"é\"\nEOF\n  tr a-z A-Z\ndone\n# end"))
            #expect(heredoc.output == "$I IT'S \"é\"\n$I IT'S \"é\"\n")
            let unbalanced = try await sandbox.run(SandboxCommand("echo \"never closed"))
            #expect(unbalanced.exitCode != 0)
            #expect(unbalanced.output.contains("unexpected EOF"))
            let openHeredoc = try await sandbox.run(SandboxCommand("cat <<EOF\nno end"))
            #expect(openHeredoc.output.contains("no end\n"))
            for script in ["break; continue", "return 3", "}", "exec 5>&1 6<&0", "trap 'echo bye' RETURN", "\\"] {
                #expect(try await !sandbox.run(SandboxCommand(script)).shellRestarted, "\(script)")
            }
            let zero = try await sandbox.run(SandboxCommand("echo a\0b"))
            #expect(zero.exitCode == 2)
            #expect(try await sandbox.run(SandboxCommand("echo still; echo here")).output == "still\nhere\n")
        },
        check("a script longer than an argument may be") { (sandbox) async throws in
            let line = "echo 'a line of some length with an é' >/dev/null\n"
            let script = String(repeating: line, count: 300_000 / line.utf8.count) + "echo done"
            #expect(try await sandbox.run(SandboxCommand(script)).output == "done\n")
            let word = String(repeating: "ü", count: 150_000)
            #expect(try await sandbox.run(SandboxCommand("x='\(word)'; echo ${#x}")).output == "150000\n")
        },
        check("a command has nothing to read") { (sandbox) async throws in
            let outcome = try await sandbox.run(SandboxCommand("read -r x; echo \"$? <$x>\"; cat; head -c 1 | wc -c"))
            #expect(outcome.output == "1 <>\n0\n")
        },
        check("shell options stay the command's own") { (sandbox) async throws in
            _ = try await sandbox.run(SandboxCommand("set -uo pipefail; set -C; shopt -s nullglob"))
            try await sandbox.writeFile("f", Array("one".utf8))
            try await sandbox.writeFile("f", Array("two".utf8))
            #expect(try await sandbox.readFile("f", limit: 10) == Array("two".utf8))
            let outcome = try await sandbox.run(SandboxCommand("echo $-; false | true; echo $?; echo no*such"))
            #expect(outcome.output.contains("u"))
            #expect(outcome.output.contains("C"))
            #expect(outcome.output.hasSuffix("\n1\n\n"))
            let traced = try await sandbox.run(SandboxCommand("set -x; echo traced"))
            #expect(traced.output.hasSuffix("+ echo traced\ntraced\n"))
            try await sandbox.writeFile("g", Array("three".utf8))
            #expect(try await sandbox.readFile("g", limit: 10) == Array("three".utf8))
            #expect(try await sandbox.run(SandboxCommand("set +x; echo quiet")).output.hasSuffix("quiet\n"))
        },
        check("commands that come at the same time run one after the other") { (sandbox) async throws in
            let outputs = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 1...8 {
                    group.addTask {
                        try await sandbox.run(SandboxCommand("echo a\(number); sleep 0.01; echo b\(number)")).output
                    }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(outputs == Set((1...8).map { "a\($0)\nb\($0)\n" }))
        },
    ]
}
