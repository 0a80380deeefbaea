import Foundation
import KubernetesClient
import NIOCore
import Subprocess
import SystemPackage

/// The containers of one pod: a process namespace for each, with the pod's volumes.
actor TestPod {
    private static let started = "the container has started"

    nonisolated let name: String
    private let folder: String
    private let manifest: ManifestValue
    /// The first process of each container, as the host numbers it.
    private var roots: [String: pid_t] = [:]
    /// What the containers wrote.
    private var logs: [String: String] = [:]
    private static let longestLog = 1 << 20
    private var isKilled = false

    init(name: String, folder: String, manifest: ManifestValue) {
        self.name = name
        self.folder = folder
        self.manifest = manifest
    }

    /// Runs the containers until they end.
    nonisolated func live(_ state: ClusterState) async {
        let containers = manifest["spec"]?["containers"]?.list ?? []
        await withTaskGroup { group in
            for container in containers {
                group.addTask {
                    try? await self.run(container) {
                        if await self.begin(container["name"]?.string ?? "", $0, of: containers.count) {
                            await state.becomeReady(self)
                        }
                    }
                    await state.hasEnded(self)
                }
            }
        }
    }

    func kill() {
        isKilled = true
        for root in roots.values { Foundation.kill(root, SIGKILL) }
    }

    func root(of container: String) -> pid_t? { isKilled ? nil : roots[container] }

    /// What a container wrote; without a name the first one.
    func log(of container: String?) -> String {
        logs[container ?? manifest["spec"]?["containers"]?.list?.first?["name"]?.string ?? ""] ?? ""
    }

    private func append(_ text: String, toLogOf container: String) {
        guard logs[container, default: ""].utf8.count < Self.longestLog else { return }
        logs[container, default: ""] += text
    }

    private func begin(_ container: String, _ root: pid_t, of count: Int) -> Bool {
        roots[container] = root
        if isKilled { Foundation.kill(root, SIGKILL) }
        return roots.count == count
    }

    nonisolated func environment(of container: String) -> [String] {
        let variables =
            manifest["spec"]?["containers"]?.list?.first { $0["name"]?.string == container }?["env"]?.list ?? []
        func value(_ variable: ManifestValue) -> String {
            // The only field that manifests of ours take from the pod.
            let isName = variable["valueFrom"]?["fieldRef"]?["fieldPath"] == "metadata.name"
            return isName ? name : variable["value"]?.string ?? ""
        }
        return variables.map { "\($0["name"]?.string ?? "")=\(value($0))" }
            + ["PATH=\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")"]
    }

    private nonisolated func run(
        _ container: ManifestValue, _ onStart: @escaping @Sendable (pid_t) async -> Void
    ) async throws {
        let containerName = container["name"]?.string ?? ""
        // What is in a PATH outside of /usr, such as a version manager's python, is part of the "image".
        let outside = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
            .filter { !$0.hasPrefix("/usr") && !$0.hasPrefix("/bin") && !$0.hasPrefix("/sbin") }
            .map { ($0 as NSString).deletingLastPathComponent }.filter { FileManager.default.fileExists(atPath: $0) }
        var arguments = [
            "--unshare-user", "--unshare-pid", "--unshare-ipc", "--uid", "1000", "--gid", "1000", "--as-pid-1",
            "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv", "--info-fd", "5", "--tmpfs", "/",
            "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc", "--symlink", "usr/bin", "/bin", "--symlink",
            "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/sbin", "/sbin", "--proc", "/proc",
            "--dev", "/dev",
        ]
        for directory in outside { arguments += ["--ro-bind", directory, directory] }
        for variable in environment(of: containerName) {
            let parts = variable.split(separator: "=", maxSplits: 1).map(String.init)
            arguments += ["--setenv", parts[0], parts.count > 1 ? parts[1] : ""]
        }
        for mount in container["volumeMounts"]?.list ?? [] {
            let volume = "\(folder)/\(mount["name"]?.string ?? "")"
            try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
            arguments += [
                mount["readOnly"]?.bool == true ? "--ro-bind" : "--bind", volume, mount["mountPath"]?.string ?? "",
            ]
        }
        // bwrap tells of its child before that sees what it shall, so the container itself says when it runs.
        arguments += ["--", "/bin/sh", "-c", "echo \(Self.started); exec \"$@\"", "sh"]
        arguments += ["command", "args"].flatMap { container[$0]?.list ?? [] }.compactMap(\.string)
        _ = try await Subprocess.run(
            .path("/bin/sh"), arguments: Arguments(["-c", "exec bwrap \"$@\" 5>&1 2>&1", "sh"] + arguments),
            input: .none,
            output: .sequence, error: .discarded
        ) { execution in
            var text = ""
            var hasStarted = false
            for try await buffer in execution.standardOutput {
                text += buffer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                if !hasStarted, let started = text.range(of: Self.started + "\n"),
                    let match = text.firstMatch(of: /"child-pid": (\d+)\D/), let root = pid_t(match.1)
                {
                    hasStarted = true
                    text.removeSubrange(..<started.upperBound)
                    await onStart(root)
                }
                guard hasStarted else { continue }
                await append(text, toLogOf: containerName)
                text = ""
            }
        }
    }

    /// Runs a command in a container. Nothing but its own end ends it.
    nonisolated func exec(
        _ command: [String], in container: String, input: AsyncStream<ByteBuffer>,
        _ output: @escaping @Sendable (UInt8, [UInt8]) async -> Void
    ) async throws -> Int? {
        guard let root = await root(of: container) else { return nil }
        let arguments = ["--target", "\(root)", "--user", "--mount", "--pid", "--ipc", "--preserve-credentials", "--"]
        let result = try await Subprocess.run(
            .name("nsenter"),
            arguments: Arguments(
                arguments + ["/usr/bin/setsid", "--wait", "/usr/bin/env", "-i"] + environment(of: container) + command),
            input: .inputWriter, output: .sequence, error: .sequence
        ) { execution in
            try await withThrowingTaskGroup(of: Void.self) { group in
                let writing = Task {
                    for await bytes in input {
                        _ = try? await execution.standardInputWriter.write(Array(bytes.readableBytesView))
                    }
                    try? await execution.standardInputWriter.finish()
                }
                group.addTask {
                    for try await buffer in execution.standardOutput {
                        await output(1, buffer.withUnsafeBytes { Array($0) })
                    }
                }
                group.addTask {
                    for try await buffer in execution.standardError {
                        await output(2, buffer.withUnsafeBytes { Array($0) })
                    }
                }
                try await group.waitForAll()
                writing.cancel()
                await writing.value
            }
        }
        return switch result.terminationStatus {
        case .exited(let code): Int(code)
        case .signaled(let signal): 128 + Int(signal)
        }
    }
}
