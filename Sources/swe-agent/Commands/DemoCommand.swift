import Agents
import ArgumentParser
import Foundation
import Logging
import ServiceLifecycle

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "See the whole of it work: a failing repository goes in over HTTP, and a tested fix comes out.",
        discussion: """
            Starts the service on a free port of this machine, submits a task for a bundled Python project whose tests \
            fail, and follows it to its end. Without MODEL_NAME the model's replies are read from a recording, and \
            everything else is real: git, the sandbox, the tests, the database and HTTP. With MODEL_NAME and its key a \
            real model does the work.
            """)

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let chosen = try Settings.load(flags: options.flags)
        try await withSignals {
            throw ExitCode.interrupted
        } _: {
            try await withTemporaryDirectory { directory in
                try await Self.perform(try Self.adapt(chosen, to: directory), in: directory)
            }
        }
    }

    /// The settings with everything in a directory of the demo's own.
    private static func adapt(_ chosen: Settings, to directory: String) throws -> Settings {
        var settings = chosen
        settings.service.data = directory + "/data"
        settings.service.workspace = directory + "/workspace"
        settings.service.host = "127.0.0.1"
        settings.service.port = 0
        settings.service.allowLocalRepositories = true
        if !settings.models.isChosen {
            let recording = directory + "/recording.jsonl"
            try ExampleRepository.trajectory.write(to: URL(filePath: recording))
            settings.models.name = "replay/" + recording
            // A recording costs nothing and has no price.
            settings.limits.cost = nil
        }
        return settings
    }

    private static func perform(_ settings: Settings, in directory: String) async throws {
        let repository = directory + "/calculator"
        try await ExampleRepository.make(at: repository)
        let logger = Assembly.logger(settings, default: .warning)
        try await Assembly.withTaskService(settings, logger: logger) { service in
            let (ports, ready) = AsyncStream<Int>.makeStream()
            let services = Assembly.serviceGroup(settings, service, logger: logger) { ready.yield($0) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await services.run() }
                group.addTask {
                    for await port in ports {
                        try await work(on: repository, with: settings, at: "http://127.0.0.1:\(port)")
                        break
                    }
                    await services.triggerGracefulShutdown()
                }
                try await group.waitForAll()
            }
        }
    }

    /// What a client does: submit, follow, look at what came of it.
    private static func work(on repository: String, with settings: Settings, at url: String) async throws {
        let output = Terminal.output
        if settings.models.isChosen {
            output.print("Model: \(settings.models.name)", .bold)
        } else {
            output.print("Model: replay, a recording of a model's replies. Everything else is real.", .bold)
            output.print(
                "Set MODEL_NAME (and its key) to put a real model there: MODEL_NAME=ops-4.5 OPENAI_API_KEY=sk-...")
        }
        output.print("Service: \(url)\n")
        try await ServiceClient.withClient(of: url, token: settings.service.apiTokens.first) { client in
            output.print("POST /agent/tasks  “\(ExampleRepository.goal)”")
            let id = try await client.submit(TaskRequest(goal: ExampleRepository.goal, repoURL: repository))
            output.print("task_id \(id)\n")
            _ = try await ProgressDisplay(id: id, on: output).follow(client.events(of: id))
            let task = try await client.task(id).task
            guard let result = task.result else { throw ProgramError("the task ended without a result") }
            let patch = result.diff == nil ? nil : String(decoding: try await client.patch(id), as: UTF8.self)
            output.print(result, status: task.status, diff: patch)
            guard task.status == "COMPLETED" else { throw ExitCode.failure }
        }
    }
}
