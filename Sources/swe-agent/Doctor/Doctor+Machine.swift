import Foundation
import ModelHub
import Sandboxes

extension Doctor {
    /// Whether this machine has what the service needs: programs, directories, isolation.
    func examineMachine() async throws {
        try await check("git", orElse: "install git 2.31 or newer, or put it in PATH") { try await gitVerdict() }
        if settings.cluster == nil {
            try await check("bash", orElse: "install bash, or put it in PATH") {
                .passed(try await firstLine(of: "bash", ["--version"]))
            }
            try await check("bubblewrap", orElse: "install bubblewrap, and allow user namespaces") {
                try await isolationVerdict()
            }
            if settings.sandbox.hasNetwork {
                try await check("network", orElse: "install slirp4netns") { try await networkVerdict() }
            }
            for (program, purpose) in [("rg", "searches are slower"), ("python3", "Python projects have no Python")] {
                try await check(program) { try await verdict(onHelper: program, without: purpose) }
            }
            try await check("workspace", orElse: "set SWE_AGENT_WORKSPACE to a directory that can be written") {
                try writableVerdict(settings.service.workspace)
            }
        }
        try await check("data", orElse: "set SWE_AGENT_DATA to a directory that can be written") {
            try writableVerdict(settings.service.data)
        }
        try await check("service") { serviceVerdict() }
    }

    private func gitVerdict() async throws -> Finding.Verdict {
        let line = try await firstLine(of: "git", ["--version"])
        let token = settings.git.token == nil ? "no GIT_TOKEN" : "GIT_TOKEN is set"
        guard let version = line.firstMatch(of: /(\d+)\.(\d+)/), let major = Int(version.1), let minor = Int(version.2)
        else { throw ProgramError("git says no version: \(line)") }
        // The first with GIT_CONFIG_COUNT, by which all settings are handed over.
        guard (major, minor) >= (2, 31) else {
            return .failed("\(line) is too old", advice: "install git 2.31 or newer")
        }
        return .passed("\(line), \(token)")
    }

    private func isolationVerdict() async throws -> Finding.Verdict {
        let choice = settings.sandbox.isolation
        let isolation = try await SandboxIsolation.detect(
            choice, path: environment["PATH"] ?? "", confiningProgram: settings.sandbox.confiningProgram)
        switch isolation {
        case .bubblewrap(let program): return .passed("\(program) works")
        case .landlock:
            return .warned(
                "commands of tasks are confined by Landlock: they see the host's processes",
                advice: "install bubblewrap, and allow user namespaces (in Docker: see the README)")
        case .none(let reason):
            let detail = "commands of tasks run without isolation, because \(reason)"
            if choice == .none {
                return .warned(detail, advice: "SANDBOX_ISOLATION=none says so; write auto or bubblewrap")
            }
            let advice = "install bubblewrap, and allow user namespaces (in Docker: see the README)"
            return settings.sandbox.allowsUnisolated
                ? .warned(detail, advice: advice)
                : .failed(detail, advice: advice + ", or accept it with SANDBOX_ALLOW_UNISOLATED=1")
        }
    }

    private func networkVerdict() async throws -> Finding.Verdict {
        let path = environment["PATH"] ?? ""
        let isolation = try await SandboxIsolation.detect(
            settings.sandbox.isolation, path: path, confiningProgram: settings.sandbox.confiningProgram)
        return switch try await SandboxNetwork.detect(settings.sandbox, isolation: isolation, path: path) {
        case .none: .passed("commands of tasks have none")
        case .outbound(let helper):
            .passed("\(helper) works: commands of tasks reach neither this machine's loopback nor cloud metadata")
        case .host(let reason):
            .warned(
                "commands of tasks share this machine's network, loopback and cloud metadata included, because \(reason)",
                advice: "install bubblewrap and slirp4netns, or write SANDBOX_NETWORK=off")
        }
    }

    private func verdict(onHelper program: String, without purpose: String) async throws -> Finding.Verdict {
        do {
            return .passed(try await firstLine(of: program, ["--version"]))
        } catch let error as SandboxError where error.kind == .unavailable {
            return .warned("not in PATH: \(purpose)", advice: "install \(program == "rg" ? "ripgrep" : program)")
        }
    }

    /// The first line that a program prints.
    private func firstLine(of program: String, _ arguments: [String]) async throws -> String {
        let outcome = try await HostCommand(
            executable: program, arguments: arguments,
            environment: environment.filter { ["PATH", "HOME", "TMPDIR"].contains($0.key) }, timeout: .seconds(60)
        ).run()
        guard outcome.succeeded else {
            throw ProgramError("\(program) does not work: \(outcome.errorOutput.printable())")
        }
        return outcome.output.split(separator: "\n").first.map { String($0).printable(limit: 80) } ?? ""
    }

    /// Whether files can be made in a directory, or the directory itself, and there is room for them.
    private func writableVerdict(_ path: String) throws -> Finding.Verdict {
        var place = URL(filePath: path).standardizedFileURL
        let isThere = FileManager.default.fileExists(atPath: place.path(percentEncoded: false))
        while !FileManager.default.fileExists(atPath: place.path(percentEncoded: false)), place.path() != "/" {
            place.deleteLastPathComponent()
        }
        let probe = place.appending(path: ".swe-agent-doctor-\(UUID().uuidString)")
        do {
            try Data("x".utf8).write(to: probe)
            try FileManager.default.removeItem(at: probe)
        } catch {
            let folder = place.path(percentEncoded: false)
            throw ProgramError("\(path) cannot be \(isThere ? "written" : "made in \(folder)")")
        }
        let attributes = try FileManager.default.attributesOfFileSystem(forPath: place.path(percentEncoded: false))
        let free = (attributes[.systemFreeSize] as? NSNumber)?.intValue ?? 0
        let detail = "\(path), \(ByteCount(free)) free"
        return switch free {
        case ..<200_000_000: .failed(detail, advice: "make room: journals and clones need more than 200 MB")
        case ..<2_000_000_000: .warned(detail, advice: "make room: clones of large repositories need more")
        default: .passed(isThere ? detail : "\(detail); it is made at the first start")
        }
    }

    private func serviceVerdict() -> Finding.Verdict {
        let service = settings.service
        let address = "\(service.host):\(service.port)"
        if service.isOnLoopback { return .passed("listens on \(address), for programs of this machine") }
        guard service.apiTokens.isEmpty else { return .passed("listens on \(address) and asks for a token") }
        return .failed(
            "\(address) is reached from other machines, and there is no token",
            advice: "set SWE_AGENT_API_TOKEN, for example to what openssl rand -hex 32 prints")
    }
}
