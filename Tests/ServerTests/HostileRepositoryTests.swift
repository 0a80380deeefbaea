import Agents
import Foundation
import LanguageModels
import Sandboxes
import TestSupport
import Testing

/// A model that wants the host's git to run something for it.
@Suite(.timeLimit(.minutes(5)))
struct HostileRepositoryTests {
    /// Something in a clone by which git runs a program.
    private struct Trap: Sendable {
        let name: String
        /// The script that sets it, given the command that is to run.
        let plant: @Sendable (_ command: String) -> String
        /// What a careless host would do in the clone.
        let spring: String
    }

    /// Of a repository with `*.py filter=trap diff=trap` in its attributes.
    private static let traps: [Trap] = [
        Trap(name: "fsmonitor", plant: { "git config core.fsmonitor \"\($0); false\"" }, spring: "git status"),
        Trap(
            name: "hooks",
            plant: { command in
                """
                mkdir -p .git/hooks
                for hook in pre-commit post-commit post-checkout post-index-change reference-transaction pre-push; do
                    printf '#!/bin/sh\\n%s\\n' "\(command)" >.git/hooks/$hook; chmod +x .git/hooks/$hook
                done
                """
            }, spring: "git commit --allow-empty -qm x"),
        Trap(
            name: "pager", plant: { "git config core.pager \"\($0); cat\"" },
            spring: "python3 -c \"import pty; pty.spawn(['git', 'log'])\""),
        Trap(
            name: "filter", plant: { "git config filter.trap.clean \"\($0); cat\"" },
            spring: "echo '#' >>calc.py; git add calc.py"),
        Trap(
            name: "textconv", plant: { "git config diff.trap.textconv \"\($0); cat\"" },
            spring: "echo '#' >>calc.py; git diff"),
        Trap(
            name: "external", plant: { "git config diff.external \"\($0); :\"" },
            spring: "echo '#' >>calc.py; git diff"),
        Trap(
            name: "sshCommand", plant: { "git config core.sshCommand \"\($0); false\"" },
            spring: "git fetch ssh://git@127.0.0.1:1/x"),
        Trap(name: "alias", plant: { "git config alias.peek \"!\($0)\"" }, spring: "git peek"),
        Trap(
            name: "credential", plant: { "git config credential.helper \"!\($0); :\"" },
            spring: "printf 'protocol=https\\nhost=x.invalid\\n\\n' | GIT_TERMINAL_PROMPT=0 git credential fill"),
        Trap(
            name: "editor", plant: { "git config core.editor \"\($0); :\"" }, spring: "git commit --allow-empty"),
        Trap(
            name: "signature",
            plant: {
                "printf '#!/bin/sh\\n%s\\n' \"\($0)\" >.git/sign; chmod +x .git/sign; "
                    + "git config gpg.program \"$PWD/.git/sign\"; git config commit.gpgSign true"
            }, spring: "git commit --allow-empty -qm x"),
        Trap(
            name: "insteadOf",
            plant: {
                "git config protocol.ext.allow always; "
                    + "git config \"url.ext::sh -c \($0.replacing(" ", with: "% "))% #.insteadOf\" https://example.com/"
            }, spring: "git fetch https://example.com/r.git"),
        Trap(
            name: "submodule",
            plant: {
                """
                git config protocol.ext.allow always
                git config --file .gitmodules submodule.sub.path sub
                git config --file .gitmodules submodule.sub.url "ext::sh -c \($0.replacing(" ", with: "% "))"
                mkdir -p sub; git update-index --add --cacheinfo "160000,$(git rev-parse HEAD),sub"
                """
            }, spring: "git -c protocol.ext.allow=always submodule update --init"),
    ]

    private static var files: [String: String] {
        SampleRepository.broken.merging([".gitattributes": "*.py filter=trap diff=trap\n"]) { $1 }
    }

    private static func touch(_ name: String, in canaries: String) -> String { "touch \(canaries)/\(name)" }

    private static func names(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    }

    /// Runs a script on the host as somebody would who trusts the directory.
    private static func trust(_ directory: String, _ script: String) async throws -> String {
        try await HostCommand(
            executable: "bash", arguments: ["-c", script],
            environment: [
                "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": directory,
                "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.com", "GIT_COMMITTER_NAME": "t",
                "GIT_COMMITTER_EMAIL": "t@example.com", "GIT_CONFIG_NOSYSTEM": "1",
            ], directory: directory
        ).run().errorOutput
    }

    @Test func nothingThatAModelPlantsInItsCloneRunsOnTheHost() async throws {
        let script = Script(program: { _, turn in
            switch turn {
            case 0: [("bash", ["command": ". ./plant.sh; git status --short"])]
            case 1: [("edit_file", ["path": "calc.py", "old_text": "a - b", "new_text": "a + b"])]
            // Tools that follow a link do so in the sandbox.
            case 2: [("view_file", ["path": "data-link/secret"]), ("view_file", ["path": "../../data/secret"])]
            case 3:
                [
                    ("write_file", ["path": "canary-link/tool", "content": "x"]),
                    ("write_file", ["path": "../../../canaries/tool", "content": "x"]),
                ]
            case 4: [("bash", ["command": "rm -f data-link canary-link plant.sh; git status --short"])]
            default: [("submit", ["summary": "add adds now"])]
            }
        })
        try await TestService.run(
            script: { script.reply(to: $0) },
            { test in
                let canaries = test.folder + "/canaries"
                let word = "secret-" + String(UInt64.random(in: .min ... .max), radix: 16)
                try FileManager.default.createDirectory(atPath: canaries, withIntermediateDirectories: true)
                try Data(word.utf8).write(to: URL(filePath: test.folder + "/data/secret"))
                let plants = Self.traps.map { $0.plant(Self.touch($0.name, in: canaries)) }
                let links = "ln -s '\(test.folder)/data' data-link; ln -s '\(canaries)' canary-link"
                var files = Self.files
                files["plant.sh"] = (plants + [links]).joined(separator: "\n") + "\n"
                let remote = try await SampleRepository.make(in: test.folder, files: files)

                let task = try await test.perform([
                    "goal": "Fix add", "repo_url": .string(remote), "test_command": SampleRepository.test,
                ])
                #expect(task["status"]?.string == "COMPLETED", "\(task)")
                #expect(task["result"]?["push"]?["status"]?.string == "pushed")
                // Something was planted, and what came of it is what the model was to change.
                let id = try #require(task["id"]?.string)
                let trajectory = try await test.send("GET", "/agent/tasks/\(id)/trajectory").text
                #expect(trajectory.contains("160000"), "the submodule is in the patch")
                #expect(!trajectory.contains(word))
                #expect(try Self.names(in: canaries) == [])

                // Each of them works, where a host trusts a clone.
                for trap in Self.traps {
                    let clone = "\(test.folder)/trusted-\(trap.name)"
                    try await SampleRepository.git("clone", "-q", remote, clone)
                    let said = try await Self.trust(
                        clone, trap.plant(Self.touch(trap.name, in: canaries)) + "\n" + trap.spring)
                    #expect(try Self.names(in: canaries).contains(trap.name), "\(trap.name): \(said)")
                }
            })
    }

    /// The hooks of a repository run where it is pushed to.
    @Test func aRepositoryThatATaskMadeIsNotOpenedOnTheHost() async throws {
        var options = TestService.Options()
        options.keepsWorkspaces = true
        let script = Script(program: { _, turn in
            switch turn {
            case 0: [("bash", ["command": ". ./plant.sh"])]
            case 1: [("edit_file", ["path": "calc.py", "old_text": "a - b", "new_text": "a + b"])]
            default: [("submit", ["summary": "add adds now"])]
            }
        })
        try await TestService.run(
            options, script: { script.reply(to: $0) },
            { test in
                let canaries = test.folder + "/canaries"
                try FileManager.default.createDirectory(atPath: canaries, withIntermediateDirectories: true)
                var files = Self.files
                files["plant.sh"] = """
                    git init -q --bare -b main "$HOME/evil.git"; git push -q "$HOME/evil.git" HEAD:main
                    mkdir -p "$HOME/evil.git/hooks"
                    for hook in pre-receive update post-receive post-update reference-transaction; do
                        printf '#!/bin/sh\\ntouch %s/hook\\n' '\(canaries)' >"$HOME/evil.git/hooks/$hook"
                        chmod +x "$HOME/evil.git/hooks/$hook"
                    done

                    """
                let remote = try await SampleRepository.make(in: test.folder, files: files)
                let fields: [String: JSONValue] = ["goal": "Fix add", "test_command": SampleRepository.test]
                let first = try await test.perform(fields.merging(["repo_url": .string(remote)]) { $1 })
                let id = try #require(first["id"]?.string)
                let made = "\(test.folder)/workspace/.state/\(id)/home/evil.git"
                #expect(FileManager.default.fileExists(atPath: made), "\(first)")

                let link = test.folder + "/link"
                try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: made)
                for path in [made, link, "file://" + made] {
                    let second = try await test.perform(fields.merging(["repo_url": .string(path)]) { $1 })
                    #expect(second["status"]?.string == "FAILED", "\(path)")
                    #expect("\(second["result"] ?? "")".contains("directory of tasks"), "\(second)")
                }
                #expect(try Self.names(in: canaries) == [])
                // Whoever trusts it has its hooks run.
                _ = try await Self.trust(test.folder + "/sample-work", "git push '\(made)' HEAD:refs/heads/x")
                #expect(try Self.names(in: canaries) == ["hook"])
            })
    }
}
