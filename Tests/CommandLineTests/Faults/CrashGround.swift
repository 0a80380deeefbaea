import Foundation
import LanguageModels
import Subprocess
import SystemPackage
import TestSupport
import Testing

@testable import swe_agent

/// What trials share: a model, a git server, and who kills whom when.
struct CrashGround: Sendable {
    let folder: String
    let provider: ScriptedProvider
    let gitOrigin: String
    private let reaper: Reaper

    /// The bare repository that each trial gets a copy of.
    var template: String { folder + "/template.git" }

    static func run(_ body: @escaping @Sendable (CrashGround) async throws -> Void) async throws {
        try await withFolder { folder in
            try await makeTemplate(in: folder)
            let reaper = Reaper()
            try await withScriptedProvider(foreignTurns: true) { request in
                await reaper.modelAsked(by: request.model)
                return reply(to: request)
            } body: { provider in
                let behaviour = GitHTTPServer.Behaviour(observe: { received, moment in
                    await reaper.gitAsked(received.path, isDone: moment == .done)
                })
                try await GitHTTPServer.serving(folder + "/remotes", behaviour: behaviour) { server in
                    try await body(
                        CrashGround(folder: folder, provider: provider, gitOrigin: server.origin, reaper: reaper))
                }
                #expect(await provider.violations.isEmpty)
            }
        }
    }

    private static func makeTemplate(in folder: String) async throws {
        try await ExampleRepository.make(at: folder + "/work")
        try FileManager.default.createDirectory(atPath: folder + "/remotes", withIntermediateDirectories: true)
        for arguments in [
            ["clone", "--quiet", "--bare", folder + "/work", folder + "/template.git"],
            ["-C", folder + "/template.git", "config", "http.receivepack", "true"],
        ] {
            let result = try await Subprocess.run(
                .name("git"), arguments: Arguments(arguments), output: .discarded, error: .string(limit: 1 << 16))
            try #require(result.terminationStatus.isSuccess, "\(result.standardError)")
        }
    }

    /// A task with every kind of effect: reads, commands that change files, a written and an edited file, a review.
    private static func reply(to request: ScriptedRequest) -> ScriptedReply {
        let calls: [(name: String, arguments: JSONValue)]
        if request.toolNames.contains("submit_plan") {
            calls =
                request.turn == 0
                ? [("list_files", [:])]
                : [("submit_plan", ["summary": "It is short.", "steps": [["title": "Log", "check": "The file"]]])]
        } else if request.toolNames.contains("submit_review") {
            calls =
                request.turn == 0
                ? [("view_file", ["path": "log.txt"])]
                : [("submit_review", ["approved": true, "findings": []])]
        } else {
            calls =
                switch request.turn {
                case 0: [("bash", ["command": "echo one >> log.txt"])]
                case 1: [("write_file", ["path": "notes.txt", "content": "alpha\n"])]
                case 2:
                    [
                        ("bash", ["command": "echo two >> log.txt"]),
                        ("edit_file", ["path": "notes.txt", "old_text": "alpha", "new_text": "beta alpha"]),
                        ("bash", ["command": "echo three >> log.txt"]),
                    ]
                default: [("submit", ["summary": "There are lines."])]
                }
        }
        return .turn(text: "I go on.", calls: calls)
    }

    /// Has a fault happen to the service of a trial.
    func arm(_ name: String, _ fault: Fault?, process: pid_t) async {
        await reaper.arm(name, fault, process: process)
    }

    /// How often the model of a trial got each request.
    func modelCalls(of name: String) async -> [String: Int] {
        await provider.requests.filter { $0.model == name }.reduce(into: [:]) { counts, request in
            let stage = request.toolNames.first { $0.hasPrefix("submit") } ?? ""
            counts["\(stage) \(request.turn)", default: 0] += 1
        }
    }
}

/// Kills services at the moments that the network shows.
private actor Reaper {
    private struct Target {
        var process: pid_t
        var fault: Fault
        var modelCalls = 0
    }

    private var targets: [String: Target] = [:]

    func arm(_ name: String, _ fault: Fault?, process: pid_t) {
        targets[name] = fault.map { Target(process: process, fault: $0) }
    }

    func modelAsked(by name: String) {
        guard var target = targets[name] else { return }
        target.modelCalls += 1
        targets[name] = target
        if target.fault == .modelCall(target.modelCalls) { strike(name) }
    }

    func gitAsked(_ path: String, isDone: Bool) {
        let parts = path.split(separator: "/", maxSplits: 1)
        guard let name = parts.first.map({ String($0.dropLast(".git".count)) }), let target = targets[name],
            case .git(let text, isDone) = target.fault, path.contains(text)
        else { return }
        strike(name)
    }

    private func strike(_ name: String) {
        guard let target = targets.removeValue(forKey: name) else { return }
        kill(target.process, SIGKILL)
    }
}
