internal import Foundation
internal import KubernetesClient
internal import NIOCore
internal import SystemPackage

/// Scripts of ours in a pod, each over a connection of its own and apart from the shell of the task.
struct PodScripts: Sendable {
    /// What a script reads. In the script `$1` is the number of bytes, as not every server can tell the end of input.
    enum Input: Sendable {
        case none
        case bytes([UInt8])
        /// Files of the host, one after the other.
        case files([String])
    }

    /// How a script ended.
    struct Ending: Sendable {
        var exitCode: Int
        var errors: String
    }

    let client: KubernetesClient
    let pod: String

    /// Runs a script of `/bin/sh` to its end.
    ///
    /// - Parameters:
    ///   - name: What is `$0` in the script.
    ///   - arguments: What is `$2` and so on, or where there is no input `$1` and so on.
    ///   - onOutput: Called with pieces of standard output.
    /// - Throws: ``SandboxError`` where it could not be started or has exit code 126 or above; `KubernetesError`.
    func run(
        _ script: String, name: String = "sh", _ arguments: [String] = [], container: String = PodPlan.main,
        input: Input = .none, timeout: Duration = .seconds(600),
        onOutput: @escaping @Sendable (ByteBuffer) async throws -> Void = { _ in }
    ) async throws -> Ending {
        var words = ["/bin/sh", "-c", script, name]
        var hasInput = true
        switch input {
        case .none: hasInput = false
        case .bytes(let bytes): words.append(String(bytes.count))
        case .files(let files): words.append(String(try files.reduce(0) { try $0 + Self.size(of: $1) }))
        }
        words += arguments
        return try await withThrowingTaskGroup(of: Ending?.self) { group in
            group.addTask { [words, hasInput] in
                try await client.exec(pod, container: container, words, hasInput: hasInput) { session in
                    try await converse(session, input, onOutput)
                }
            }
            group.addTask {
                try await Task.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            guard let ending = try await group.next() ?? nil else {
                throw SandboxError(.failed, "A script of ours in pod \(pod) did not end within \(timeout).")
            }
            return ending
        }
    }

    /// Runs a script that has to succeed.
    func perform(
        _ script: String, name: String = "sh", _ arguments: [String] = [], container: String = PodPlan.main,
        input: Input = .none, onOutput: @escaping @Sendable (ByteBuffer) async throws -> Void = { _ in }
    ) async throws {
        let ending = try await run(
            script, name: name, arguments, container: container, input: input, onOutput: onOutput)
        guard ending.exitCode == 0 else {
            throw SandboxError(
                .failed, "A script of ours in pod \(pod) failed with exit code \(ending.exitCode): \(ending.errors)")
        }
    }

    private func converse(
        _ session: ExecSession, _ input: Input, _ onOutput: @Sendable (ByteBuffer) async throws -> Void
    ) async throws -> Ending {
        // A script that ends before it has read all tells so by its exit code.
        async let written: Void? = try? write(input, to: session)
        var errors = BoundedOutput(limit: 2048)
        let outcome = try await session.receive { piece in
            switch piece {
            case .standard(let bytes): try await onOutput(bytes)
            case .error(let bytes): errors.append(Array(bytes.readableBytesView)[...])
            }
        }
        _ = await written
        switch outcome {
        case .exited(let code): return Ending(exitCode: code, errors: errors.text)
        case .failed(let reason):
            throw SandboxError(.failed, "A script of ours could not run in pod \(pod): \(reason)")
        }
    }

    private func write(_ input: Input, to session: ExecSession) async throws {
        switch input {
        case .none: break
        case .bytes(let bytes): try await session.write(ByteBuffer(bytes: bytes))
        case .files(let files):
            for file in files {
                let descriptor = try SystemPackage.FileDescriptor.open(FilePath(file), .readOnly, options: .closeOnExec)
                defer { try? descriptor.close() }
                while true {
                    let part = try [UInt8](unsafeUninitializedCapacity: 256 << 10) { buffer, count in
                        count = try descriptor.read(into: UnsafeMutableRawBufferPointer(buffer))
                    }
                    if part.isEmpty { break }
                    try await session.write(ByteBuffer(bytes: part))
                }
            }
        }
    }

    private static func size(of file: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: file)
        return (attributes[.size] as? NSNumber)?.intValue ?? 0
    }
}

/// The processes of the commands in a pod.
enum PodProcesses {
    /// Kills all of them and leaves the container's first process, which holds the pod.
    ///
    /// `kill -1` reaches every process of the container but the first and its own. The marker makes sure that the first one
    /// is the pod's: where a template shares the process namespace, it would be the end of other containers.
    static func killAll(_ client: KubernetesClient, _ pod: String) async throws {
        let script = #"tr '\0' '\n' </proc/1/environ | grep -qxF "$0" || exit 97; kill -9 -1; exit 0"#
        let ending = try await PodScripts(client: client, pod: pod).run(
            script, name: "\(PodPlan.marker)=\(pod)", timeout: .seconds(60))
        guard ending.exitCode == 0 else {
            throw SandboxError(
                .failed, "The processes in pod \(pod) could not be killed: exit code \(ending.exitCode).")
        }
    }
}
