import Agents
import Foundation
import LanguageModels
import Sandboxes
import TestSupport
import Testing
import Workflow

/// Tasks from POST to their end, over HTTP.
@Suite struct TaskTests {
    private func goal(_ repository: String, _ more: [String: JSONValue] = [:]) -> [String: JSONValue] {
        [
            "goal": "Make add add", "repo_url": .string(repository), "test_command": SampleRepository.test,
        ].merging(more) { $1 }
    }

    @Test(arguments: ["openai/gpt-4.1", "gemini/gemini-2.5-pro"])
    func aGoalBecomesAVerifiedCommit(_ model: String) async throws {
        let script = Script()
        try await TestService.run(.init(modelID: model), script: { script.reply(to: $0) }) { test in
            let repository = try await SampleRepository.make(in: test.folder)
            let task = try await test.perform(goal(repository))
            #expect(task["status"]?.string == "COMPLETED", "\(task)")
            let logs = (task["logs"]?.array ?? []).compactMap(\.string)
            for line in [
                "Starting task...", "Cloning repo...", "PLANNER: Generating plan...", "PROGRAMMER: Executing plan...",
                "REVIEWER: Reviewing changes...", "REVIEWER: Approved",
            ] {
                #expect(logs.contains(line), "\(line)")
            }
            let result = try #require(task["result"])
            #expect(result["summary"] == "add adds now")
            #expect(result["tests"]?["before"]?["exit_code"] == 1)
            #expect(result["tests"]?["before"]?["counts"]?["failed"] == 1)
            #expect(result["tests"]?["after"]?["exit_code"] == 0)
            #expect(result["tests"]?["after"]?["counts"]?["passed"] == 2)
            #expect(result["tests"]?["comparison"] == "improved")
            #expect(result["diff"]?["files"] == 1)
            #expect(result["plan"]?["steps"]?.array?.count == 1)
            #expect(result["steps"] == 5)
            #expect(result["usage"]?["input_tokens"] == 500)
            #expect(result["push"]?["status"] == "pushed")
            #expect(result["patch"] == nil)

            // The remote has the branch, with one commit of the bot on the base commit.
            let branch = try #require(result["branch"]?.string)
            let commit = try #require(result["commit"]?.string)
            #expect(branch.hasPrefix("swe-agent/") && branch.hasSuffix("-make-add-add"))
            let log = try await SampleRepository.git(
                "-C", repository, "log", "--format=%H %an <%ae> %s", "main..\(branch)")
            #expect(log == "\(commit) swe-agent-bot <bot@example.com> Make add add\n")
            #expect(
                try await SampleRepository.git("-C", repository, "show", "\(branch):calc.py") == SampleRepository.fixed)

            // The patch applies to a fresh clone.
            let id = try #require(task["id"]?.string)
            let patch = try await test.send("GET", "/agent/tasks/\(id)/patch")
            let clone = test.folder + "/clone"
            try await SampleRepository.git("clone", "-q", repository, clone)
            try await SampleRepository.git("-C", clone, "apply", "-", input: patch.body)
            #expect(try String(contentsOfFile: clone + "/calc.py", encoding: .utf8) == SampleRepository.fixed)

            // Nothing is left of the task but its record.
            #expect(try FileManager.default.contentsOfDirectory(atPath: test.folder + "/data/repositories").isEmpty)
            #expect(!FileManager.default.fileExists(atPath: test.folder + "/workspace/\(id)"))
            #expect(await test.provider.violations.isEmpty)
        }
    }

    @Test func theReviewerSendsBack() async throws {
        var script = Script()
        script.program = { round, turn in
            switch (round, turn) {
            case (1, 0):
                [("write_file", ["path": "calc.py", "content": .string(SampleRepository.fixed + "# debug\n")])]
            case (2, 0): [("edit_file", ["path": "calc.py", "old_text": "# debug\n", "new_text": ""])]
            default: [("submit", ["summary": .string("round \(round)")])]
            }
        }
        script.review = { round in
            [
                (
                    "submit_review",
                    ["approved": .bool(round > 1), "findings": round > 1 ? [] : ["calc.py:3: a debug line"]]
                )
            ]
        }
        try await TestService.run(script: { [script] in script.reply(to: $0) }) { test in
            let repository = try await SampleRepository.make(in: test.folder)
            let task = try await test.perform(goal(repository))
            #expect(task["status"]?.string == "COMPLETED", "\(task)")
            let reviews = task["result"]?["reviews"]?.array ?? []
            #expect(reviews.map { $0["approved"] } == [false, true])
            #expect(reviews.first?["findings"] == ["calc.py:3: a debug line"])
            #expect(task["result"]?["summary"] == "round 2")
            let branch = try #require(task["result"]?["branch"]?.string)
            #expect(
                try await SampleRepository.git("-C", repository, "show", "\(branch):calc.py") == SampleRepository.fixed)
        }
    }

    @Test func aChangeThatIsNeverApprovedFailsAndIsKept() async throws {
        var script = Script()
        script.program = { round, turn in
            turn == 0
                ? [("bash", ["command": .string("sed -i 's/a - b/a + b/' calc.py; echo '# \(round)' >> calc.py")])]
                : [("submit", ["summary": "done"])]
        }
        script.review = { _ in [("submit_review", ["approved": false, "findings": ["not good"]])] }
        try await TestService.run(script: { [script] in script.reply(to: $0) }) { test in
            let repository = try await SampleRepository.make(in: test.folder)
            let task = try await test.perform(goal(repository))
            #expect(task["status"]?.string == "FAILED")
            #expect(task["result"]?["error"]?["code"] == "not_approved")
            #expect(task["result"]?["reviews"]?.array?.count == 3)
            let id = try #require(task["id"]?.string)
            let patch = try await test.send("GET", "/agent/tasks/\(id)/patch")
            #expect(patch.text.contains("+    return a + b"))
            // Nothing was pushed.
            #expect(
                try await SampleRepository.git("-C", repository, "for-each-ref", "--format=%(refname)")
                    == "refs/heads/main\n")
        }
    }

    @Test func worseTestsAreNeverCompleted() async throws {
        var script = Script()
        script.program = { _, turn in
            turn == 0
                ? [("bash", ["command": "echo 'def add(a, b): return None' > calc.py"])]
                : [("submit", ["summary": "done"])]
        }
        try await TestService.run(script: { [script] in script.reply(to: $0) }) { test in
            let repository = try await SampleRepository.make(in: test.folder)
            let task = try await test.perform(goal(repository, ["skip_stages": ["reviewer"]]))
            #expect(task["status"]?.string == "FAILED")
            #expect(task["result"]?["error"]?["code"] == "tests_worse")
            #expect(task["result"]?["tests"]?["comparison"] == "worse")
        }
    }

    @Test func anEmptyChangeFails() async throws {
        var script = Script()
        script.program = { _, _ in [("submit", ["summary": "nothing to do"])] }
        try await TestService.run(script: { [script] in script.reply(to: $0) }) { test in
            let task = try await test.perform(goal(try await SampleRepository.make(in: test.folder)))
            #expect(task["result"]?["error"]?["code"] == "empty_change")
        }
    }

    @Test(
        arguments: [
            (["max_steps": 4], "step_budget"), (["max_cost_usd": 0.0001], "cost_budget"),
            (["timeout_seconds": 8], "time_budget"),
        ] as [([String: JSONValue], String)])
    func budgetsEndATask(_ limit: [String: JSONValue], code: String) async throws {
        var script = Script()
        script.program = { _, turn in
            code == "time_budget"
                ? [("bash", ["command": "echo partial > note.txt; sleep 60"])]
                : [("bash", ["command": .string("echo \(turn) >> note.txt")])]
        }
        try await TestService.run(script: { [script] in script.reply(to: $0) }) { test in
            let repository = try await SampleRepository.make(in: test.folder)
            let task = try await test.perform(goal(repository, limit.merging(["test_command": "true"]) { $1 }))
            #expect(task["status"]?.string == "FAILED")
            #expect(task["result"]?["error"]?["code"]?.string == code, "\(task)")
            switch code {
            case "cost_budget":
                // It is reserved before the call: no call was made.
                #expect(await test.provider.requests.isEmpty)
            case "step_budget":
                #expect(await test.provider.requests.count == 4)
                #expect(task["result"]?["diff"]?["files"] == 1)
            default: break
            }
        }
    }

    @Test func goingInCirclesIsBrokenOff() async throws {
        var script = Script()
        script.program = { _, _ in [("bash", ["command": "cat calc.py"])] }
        try await TestService.run(script: { [script] in script.reply(to: $0) }) { test in
            let task = try await test.perform(goal(try await SampleRepository.make(in: test.folder)))
            #expect(task["result"]?["error"]?["code"] == "no_progress")
            #expect(task["result"]?["error"]?["message"]?.string?.contains("cat calc.py") == true)
            // One for the plan and five times the same.
            #expect(task["steps"] == 6)
        }
    }

    @Test func modelFailuresAreHandled() async throws {
        let script = Script()
        // The first programmer turns go wrong in every way that a model, rather than its provider, can go wrong.
        try await TestService.run(script: { request in
            guard request.toolNames.contains("submit"), request.turn < 4 else {
                guard request.toolNames.contains("submit") else { return script.reply(to: request) }
                return .turn(calls: script.program(1, request.turn - 4))
            }
            return switch request.turn {
            case 0: .malformedArguments(name: "bash", text: #"{"command": "ls"#)
            case 1: .turn(calls: [("no_such_tool", ["x": 1])])
            case 2: .truncated(text: "I was about to")
            default: .turn(text: "I just talk.")
            }
        }) { test in
            let task = try await test.perform(goal(try await SampleRepository.make(in: test.folder)))
            #expect(task["status"]?.string == "COMPLETED", "\(task)")
            #expect(await test.provider.violations.isEmpty)
        }
        try await TestService.run(script: { _ in .status(401, body: #"{"error":{"message":"bad key"}}"#) }) { test in
            let task = try await test.perform(goal(try await SampleRepository.make(in: test.folder)))
            #expect(task["result"]?["error"]?["code"] == "model")
            #expect(await test.provider.requests.count == 1)
        }
    }

    @Test func aPersonApprovesThePlan() async throws {
        let script = Script()
        try await TestService.run(script: { script.reply(to: $0) }) { test in
            let repository = try await SampleRepository.make(in: test.folder)
            let id = try await test.submit(goal(repository, ["approve_plan": true]))
            try await test.wait(for: id) { $0.contains(#""type":"interrupted""#) }
            let waiting = try await test.send("GET", "/agent/tasks/\(id)")
            #expect(waiting.json?["status"] == "RUNNING")
            #expect(waiting.json?["question"]?["plan"]?["steps"]?.array?.count == 1)
            // Comments make a new plan, approval the change.
            while try await test.send("POST", "/agent/tasks/\(id)/answer", #"{"approve":false,"comment":"shorter"}"#)
                .status == 409
            {}
            try await test.wait(for: id) { $0.contains("sent back with comments") }
            while try await test.send("POST", "/agent/tasks/\(id)/answer", #"{"approve":true}"#).status == 409 {}
            let task = try await test.finish(id)
            #expect(task["status"]?.string == "COMPLETED", "\(task)")
            let planners = await test.provider.requests.filter { $0.toolNames.contains("submit_plan") }
            #expect(planners.count == 2)
            #expect(planners.last?.firstUserText.contains("shorter") == true)
        }
    }

    @Test func cancelKeepsThePartialChangeAndLeavesNoProcess() async throws {
        var script = Script()
        let marker = "31\(Int.random(in: 10_000...99_999))"
        script.program = { _, _ in
            [("bash", ["command": .string("echo begun > note.txt; (setsid sleep \(marker) &) ; sleep \(marker)")])]
        }
        try await TestService.run(script: { [script] in script.reply(to: $0) }) { test in
            let repository = try await SampleRepository.make(in: test.folder)
            let id = try await test.submit(goal(repository, ["test_command": "true"]))
            try await test.wait(for: id) { $0.contains("tool bash") && $0.contains("effect_started") }
            while try await !sleepers(marker) { try await Task.sleep(for: .milliseconds(10)) }
            #expect(try await test.send("POST", "/agent/tasks/\(id)/cancel").status == 202)
            let task = try await test.finish(id)
            #expect(task["status"]?.string == "FAILED")
            #expect(task["result"]?["error"]?["code"] == "cancelled")
            #expect(try await test.send("GET", "/agent/tasks/\(id)/patch").text.contains("+begun"))
            #expect(try await !sleepers(marker))
            #expect(try await test.send("POST", "/agent/tasks/\(id)/cancel").errorCode == "not_now")
        }
    }

    /// Whether a process runs `sleep` with this argument.
    private func sleepers(_ argument: String) async throws -> Bool {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").contains { process in
            guard Int(process) != nil, let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline")
            else {
                return false
            }
            return line.starts(with: Data("sleep\0\(argument)".utf8))
        }
    }

    @Test func pushesWithTheTokenAndKeepsThePatchWhereTheRemoteRefuses() async throws {
        let script = Script()
        let token = "canary-\(UUID().uuidString)"
        for password in [token, "another"] {
            try await TestService.run(.init(token: token), script: { script.reply(to: $0) }) { test in
                let repository = try await SampleRepository.make(in: test.folder)
                try await SampleRepository.git("-C", repository, "config", "http.receivepack", "true")
                try await GitHTTPServer.serving(
                    test.folder,
                    behaviour: .init(login: ("x-access-token", password))
                ) { remote in
                    let task = try await test.perform(goal("\(remote.origin)/sample.git"))
                    if password == token {
                        #expect(task["status"]?.string == "COMPLETED", "\(task)")
                        #expect(task["result"]?["push"]?["status"] == "pushed")
                    } else {
                        #expect(task["status"]?.string == "FAILED")
                        #expect(task["result"]?["error"]?["code"] == "repository")
                    }
                }
                // The token is nowhere: not in what was sent to the model, nor in anything on disk.
                for request in await test.provider.requests {
                    #expect(!"\(request.body)".contains(token))
                }
                let files = FileManager.default.enumerator(atPath: test.folder)?.compactMap { $0 as? String } ?? []
                for file in files {
                    let bytes = FileManager.default.contents(atPath: test.folder + "/" + file) ?? Data()
                    #expect(bytes.range(of: Data(token.utf8)) == nil, "\(file)")
                }
            }
        }
    }

    @Test func historyCanBeReplayedAndRead() async throws {
        let script = Script()
        try await TestService.run(script: { script.reply(to: $0) }) { test in
            let repository = try await SampleRepository.make(in: test.folder)
            let id = try #require(try await test.perform(goal(repository))["id"]?.string)
            let journal = try await test.send("GET", "/agent/tasks/\(id)/trajectory")
            let recording = test.folder + "/recording.jsonl"
            try Data(journal.body).write(to: URL(filePath: recording))

            // The journal read as a model leads to the same commit tree, without any model.
            let calls = await test.provider.requests.count
            let again = try await test.perform(goal(repository, ["model": .string("replay/\(recording)")]))
            #expect(again["status"]?.string == "COMPLETED", "\(again)")
            #expect(await test.provider.requests.count == calls)

            let mini = try #require(try await test.send("GET", "/agent/tasks/\(id)/trajectory?format=mini").json)
            #expect(mini["trajectory_format"] == "mini-swe-agent-1.1")
            #expect(mini["info"]?["exit_status"] == "Submitted")
            #expect(mini["info"]?["model_stats"]?["api_calls"] == 5)
            #expect(mini["messages"]?.array?.first?["role"] == "system")
            #expect(mini["messages"]?.array?.last?["role"] == "exit")
            #expect(mini["messages"]?.array?.contains { $0["role"] == "tool" } == true)

            let atif = try #require(try await test.send("GET", "/agent/tasks/\(id)/trajectory?format=atif").json)
            #expect(atif["schema_version"] == "ATIF-v1.7")
            #expect(atif["steps"]?.array?.map { $0["step_id"]?.integer } == [1, 2, 3, 4, 5])
            #expect(
                atif["subagent_trajectories"]?.array?.map { $0["agent"]?["name"]?.string } == [
                    "planner", "programmer", "reviewer",
                ])
            #expect(atif["final_metrics"]?["total_prompt_tokens"] == 500)
            #expect(try await test.send("GET", "/agent/tasks/\(id)/trajectory?format=x").errorCode == "bad_format")
        }
    }

    @Test func unusableRepositoriesFailWithAReason() async throws {
        let script = Script()
        try await TestService.run(script: { script.reply(to: $0) }) { test in
            let missing = try await test.perform(["goal": "x", "repo_url": .string(test.folder + "/nothing")])
            #expect(missing["result"]?["error"]?["code"] == "repository", "\(missing)")
            let repository = try await SampleRepository.make(in: test.folder)
            let branch = try await test.perform(goal(repository, ["base_branch": "no-such"]))
            #expect(branch["result"]?["error"]?["code"] == "repository", "\(branch)")
        }
    }
}
