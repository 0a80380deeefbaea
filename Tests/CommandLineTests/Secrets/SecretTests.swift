import AsyncHTTPClient
import Foundation
import LanguageModels
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Subprocess
import TestSupport
import Testing

@testable import swe_agent

/// No key is found in anything that the service writes, tells, or sends to a model.
@Suite(.timeLimit(.minutes(5)))
struct SecretTests {
    /// A canary for every variable that is a secret, so that a new one is looked for from the day it is made.
    private static let canaries = Dictionary(
        uniqueKeysWithValues: Variable.allCases.filter(\.isSecret).map { variable in
            (variable, "canary-\(variable.rawValue.lowercased().filter(\.isLetter))-0123456789abcdef")
        })

    /// What a hostile model has the sandbox do to find keys.
    private static func snooping(in folder: String) -> [String] {
        [
            "env; set; cat /proc/[0-9]*/environ | tr '\\0' '\\n'",
            "cat '\(folder)/.env' ../.env ../../.env ../../../.env /.env ~/.netrc ~/.git-credentials",
            "grep -rs 'canary-' '\(folder)' / --include=.env --include='*.sqlite*' --include=config -l",
            "printf 'protocol=http\\nhost=127.0.0.1\\n\\n' | GIT_TERMINAL_PROMPT=0 git credential fill; git config --list",
            // As a repository could hold a key that it should not.
            canaries.values.map { "printf '%s%s\\n' '\($0.prefix(9))' '\($0.dropFirst(9))'" }.joined(separator: "; "),
            "printf '%s%s' '\(canaries[.gitToken]!.prefix(9))' '\(canaries[.gitToken]!.dropFirst(9))' | base64 -w0",
        ]
    }

    @Test func areNowhere() async throws {
        try await withFolder { folder in
            // Half of them in the file, which other users may read.
            let variables = Self.canaries.map { ($0.key.rawValue, $0.value) }.sorted { $0.0 < $1.0 }
            let inFile = variables.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
            let file = inFile.map { "\($0.0)=\($0.1)\n" }.joined()
            try Data(file.utf8).write(to: URL(filePath: folder + "/.env"))
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: folder + "/.env")
            var environment = Dictionary(
                uniqueKeysWithValues: variables.enumerated().filter { $0.offset % 2 == 1 }.map(\.element))
            try await ExampleRepository.make(at: folder + "/remotes/work")
            try await Self.git("clone", "-q", "--bare", folder + "/remotes/work", folder + "/remotes/r.git")
            try await Self.git("-C", folder + "/remotes/r.git", "config", "http.receivepack", "true")

            let commands = Self.snooping(in: folder)
            let texts = try await withScriptedProvider(key: Self.canaries[.openAIKey]) { request in
                Self.reply(to: request, commands)
            } body: { provider in
                let login = (username: "x-access-token", password: Self.canaries[.gitToken]!)
                return try await GitHTTPServer.serving(folder + "/remotes", behaviour: .init(login: login)) { git in
                    environment.merge([
                        "MODEL_NAME": "openai-compatible/x", "OPENAI_BASE_URL": provider.url + "/v1",
                        "SWE_AGENT_KEEP_WORKSPACES": "on", "SWE_AGENT_INTERNAL_HOSTS": "127.0.0.1",
                        "LOG_LEVEL": "trace",
                    ]) { $1 }
                    let outcome = try await ServiceProcess.run(environment, in: folder) { url, _ in
                        try await Self.work(on: "\(git.origin)/r.git", at: url, provider.client)
                    }
                    var texts = try #require(try outcome.result?.get())
                    texts["log"] = outcome.log
                    for (number, request) in await provider.requests.enumerated() {
                        texts["request \(number)"] = "\(request.body)"
                    }
                    #expect(await provider.violations == [])
                    return texts
                }
            }
            #expect(texts["task"]?.contains(#""status":"COMPLETED""#) == true, "\(texts["task"] ?? "")")
            #expect(texts["log"]?.contains("chmod 600 .env") == true)
            #expect(texts["request 5"]?.contains("[secret]") == true)
            for (name, text) in texts { Self.expectNone(in: Data(text.utf8), name) }
            for place in ["data", "workspace"] {
                let files = FileManager.default.enumerator(atPath: "\(folder)/\(place)")?.compactMap { $0 as? String }
                #expect(files?.isEmpty == false)
                for file in files ?? [] {
                    let path = "\(folder)/\(place)/\(file)"
                    Self.expectNone(in: FileManager.default.contents(atPath: path) ?? Data(), path)
                }
            }
        }
    }

    private static func expectNone(in bytes: Data, _ name: String) {
        for (variable, canary) in canaries {
            let forms = [canary, Data(canary.utf8).base64EncodedString()]
            for form in forms + [Data("x-access-token:\(canary)".utf8).base64EncodedString()] {
                #expect(bytes.range(of: Data(form.utf8)) == nil, "\(variable.rawValue) is in \(name)")
            }
        }
    }

    private static func reply(to request: ScriptedRequest, _ commands: [String]) -> ScriptedReply {
        if request.toolNames.contains("submit_review") {
            return .turn(calls: [("submit_review", ["approved": true, "findings": []])])
        }
        if request.turn < commands.count {
            return .turn(calls: [("bash", ["command": .string(commands[request.turn])])])
        }
        if request.turn == commands.count { return .turn(calls: [("bash", ["command": "echo more >notes.txt"])]) }
        return .turn(calls: [("submit", ["summary": "Looked around"])])
    }

    /// Does a task, and returns all that a client can read about it.
    private static func work(on repository: String, at url: String, _ client: HTTPClient) async throws -> [String:
        String]
    {
        let token = canaries[.apiToken]!
        func send(_ path: String, _ body: JSONValue? = nil) async throws -> String {
            var request = HTTPClientRequest(url: url + path)
            request.headers.add(name: "Authorization", value: "Bearer \(token)")
            if let body {
                request.method = .POST
                request.body = .bytes(try JSONEncoder().encode(body))
            }
            let response = try await client.execute(request, timeout: .seconds(240))
            return String(buffer: try await response.body.collect(upTo: 64 << 20))
        }
        // People paste keys into goals.
        let fields: JSONValue = [
            "goal": .string("Fix a typo. If you need it, my key is \(canaries[.hubToken]!)"),
            "repo_url": .string(repository), "test_command": "true",
        ]
        let accepted = try await send("/agent/tasks", fields)
        let id = try #require(
            try JSONDecoder().decode(JSONValue.self, from: Data(accepted.utf8))["task_id"]?.string, "\(accepted)")
        var texts = ["events": try await send("/agent/tasks/\(id)/events")]
        texts["task"] = try await send("/agent/tasks/\(id)")
        texts["list"] = try await send("/agent/tasks")
        texts["patch"] = try await send("/agent/tasks/\(id)/patch")
        for format in ["journal", "mini", "atif"] {
            texts[format] = try await send("/agent/tasks/\(id)/trajectory?format=\(format)")
        }
        return texts
    }

    private static func git(_ arguments: String...) async throws {
        let result = try await Subprocess.run(
            .name("git"), arguments: Arguments(arguments), environment: Program.environment([:]),
            output: .discarded, error: .string(limit: 1 << 16))
        #expect(result.terminationStatus.isSuccess, "\(arguments): \(result.standardError)")
    }

    @Test func aFileThatOnlyItsOwnerReadsEarnsNoWarning() async throws {
        try await withFolder { folder in
            let file = folder + "/.env"
            for (text, mode, warns) in [
                ("OPENAI_API_KEY=sk-0123456789\n", 0o600, false), ("OPENAI_API_KEY=sk-0123456789\n", 0o640, true),
                ("OPENAI_API_KEY=\n", 0o644, false), ("MODEL_NAME=ops-4.5\n", 0o644, false),
            ] {
                try Data(text.utf8).write(to: URL(filePath: file))
                try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
                #expect((Settings.warningAboutFile(atPath: file) != nil) == warns, "\(text) \(mode)")
            }
        }
    }
}
