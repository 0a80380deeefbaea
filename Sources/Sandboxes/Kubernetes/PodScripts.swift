internal import Foundation
internal import KubernetesClient
internal import NIOCore
internal import SystemPackage

/// Takes what a script writes.
protocol PodScriptOutput: Sendable {
    func append(_ bytes: ByteBuffer) async throws

    /// Forgets what came: the script is run again.
    func restart() async throws
}

/// Scripts of ours in a pod, each over a connection of its own and apart from the shell of the task.
///
/// The end of a connection does not end a script. One that is not heard to its end, because the connection broke or nobody
/// waits for it any more, is killed. After a break it is then run again, so a script has to bear that.
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

    /// How often a script is begun in all, where connections break.
    private static let mostAttempts = 3

    let client: KubernetesClient
    let pod: String

    /// Runs a script of `/bin/sh` to its end.
    ///
    /// - Parameters:
    ///   - name: What is `$0` in the script.
    ///   - arguments: What is `$2` and so on, or where there is no input `$1` and so on.
    ///   - output: Takes standard output.
    /// - Throws: ``SandboxError`` where it could not be started or has exit code 126 or above; `KubernetesError`.
    func run(
        _ script: String, name: String = "sh", _ arguments: [String] = [], container: String = PodPlan.main,
        input: Input = .none, timeout: Duration = .seconds(600), output: (any PodScriptOutput)? = nil
    ) async throws -> Ending {
        for attempt in 1... {
            let mark = PodProcesses.newMark()
            do {
                return try await runOnce(
                    script, name: name, arguments, container: container, mark: mark, input: input, timeout: timeout,
                    output: output)
            } catch let unheard as Unheard {
                // A task of its own that is waited for: in a cancelled one no request would be made.
                let killing = await Task {
                    try await PodProcesses.kill(client, pod, container: container, markedBy: mark)
                }.result
                guard let error = unheard.reason as? KubernetesError, error.isConnectionLost,
                    attempt < Self.mostAttempts
                else { throw unheard.reason }
                try Task.checkCancellation()
                try killing.get()
                try await output?.restart()
            }
        }
        throw CancellationError()
    }

    /// Runs a script over one connection. It bears a mark by which its processes can be found.
    ///
    /// - Throws: ``Unheard`` where it has begun and may still run.
    fileprivate func runOnce(
        _ script: String, name: String, _ arguments: [String] = [], container: String, mark: String,
        input: Input = .none, timeout: Duration, output: (any PodScriptOutput)? = nil
    ) async throws -> Ending {
        let launch = "export \(PodProcesses.mark)=\(mark); exec /bin/sh -c \"$@\""
        var words = ["/bin/sh", "-c", launch, "sh", script, name]
        var hasInput = true
        switch input {
        case .none: hasInput = false
        case .bytes(let bytes): words.append(String(bytes.count))
        case .files(let files): words.append(String(try files.reduce(0) { try $0 + Self.size(of: $1) }))
        }
        words += arguments
        let late = SandboxError(.failed, "A script of ours in pod \(pod) did not end within \(timeout).")
        do {
            return try await withThrowingTaskGroup(of: Ending?.self) { group in
                group.addTask { [words, hasInput] in
                    try await client.exec(pod, container: container, words, hasInput: hasInput) { session in
                        do {
                            return try await converse(session, input, output)
                        } catch {
                            throw Unheard(reason: error)
                        }
                    }
                }
                group.addTask {
                    // Ends at the timeout and, at once, when the task is cancelled.
                    try? await Task.sleep(for: timeout)
                    return nil
                }
                defer { group.cancelAll() }
                if let ending = try await group.next() ?? nil { return ending }
                group.cancelAll()
                guard let ending = try await group.next() ?? nil else { throw CancellationError() }
                return ending
            }
        } catch let unheard as Unheard where unheard.reason is CancellationError && !Task.isCancelled {
            throw Unheard(reason: late)
        } catch is CancellationError where !Task.isCancelled {
            throw late
        }
    }

    /// Why nobody here knows the end of a script that has begun.
    fileprivate struct Unheard: Error {
        var reason: any Error
    }

    /// Runs a script that has to succeed.
    func perform(
        _ script: String, name: String = "sh", _ arguments: [String] = [], container: String = PodPlan.main,
        input: Input = .none, output: (any PodScriptOutput)? = nil
    ) async throws {
        let ending = try await run(script, name: name, arguments, container: container, input: input, output: output)
        guard ending.exitCode == 0 else {
            throw SandboxError(
                .failed, "A script of ours in pod \(pod) failed with exit code \(ending.exitCode): \(ending.errors)")
        }
    }

    private func converse(
        _ session: ExecSession, _ input: Input, _ output: (any PodScriptOutput)?
    ) async throws -> Ending {
        // A script that ends before it has read all tells so by its exit code.
        async let written: Void? = try? write(input, to: session)
        var errors = BoundedOutput(limit: 2048)
        let outcome = try await session.receive { piece in
            switch piece {
            case .standard(let bytes): try await output?.append(bytes)
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
        case .bytes(let bytes): try await session.write(bytes)
        case .files(let files):
            for file in files {
                let descriptor = try SystemPackage.FileDescriptor.open(FilePath(file), .readOnly, options: .closeOnExec)
                defer { try? descriptor.close() }
                while true {
                    let part = try [UInt8](unsafeUninitializedCapacity: 256 << 10) { buffer, count in
                        count = try descriptor.read(into: UnsafeMutableRawBufferPointer(buffer))
                    }
                    if part.isEmpty { break }
                    try await session.write(part)
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
    /// The variable that the processes of one script have, each script with a value of its own.
    static let mark = "SWE_AGENT_SCRIPT"

    static func newMark() -> String { String(UInt64.random(in: .min ... .max), radix: 16) }

    /// Kills the processes of one script.
    static func kill(_ client: KubernetesClient, _ pod: String, container: String, markedBy value: String) async throws
    {
        // Again until none is left, as one may just have started another.
        let script = #"""
            while :; do
                found=
                for file in /proc/[0-9]*/environ; do
                    { tr '\0' '\n' <"$file" | grep -qxF "$0"; } 2>/dev/null || continue
                    process=${file#/proc/}
                    kill -9 "${process%/environ}" 2>/dev/null && found=1
                done
                [ -n "$found" ] || exit 0
            done
            """#
        try await repeatedly(client, pod) {
            try await $0.runOnce(
                script, name: "\(mark)=\(value)", container: container, mark: newMark(), timeout: .seconds(60))
        }
    }

    /// Runs a script whose end in the middle does no harm, nor another beside it.
    private static func repeatedly(
        _ client: KubernetesClient, _ pod: String, _ run: (PodScripts) async throws -> PodScripts.Ending
    ) async throws {
        for attempt in 1... {
            do {
                let ending = try await run(PodScripts(client: client, pod: pod))
                guard ending.exitCode == 0 else {
                    throw SandboxError(
                        .failed, "The processes in pod \(pod) could not be killed: exit code \(ending.exitCode).")
                }
                return
            } catch let unheard as PodScripts.Unheard {
                guard let error = unheard.reason as? KubernetesError, error.isConnectionLost, attempt < 5 else {
                    throw unheard.reason
                }
            }
        }
    }

    /// Kills all of them and leaves the container's first process, which holds the pod.
    ///
    /// `kill -1` reaches every process of the container but the first and its own. The marker makes sure that the first one
    /// is the pod's: where a template shares the process namespace, it would be the end of other containers.
    static func killAll(_ client: KubernetesClient, _ pod: String) async throws {
        let script = #"tr '\0' '\n' </proc/1/environ | grep -qxF "$0" || exit 97; kill -9 -1; exit 0"#
        try await repeatedly(client, pod) {
            try await $0.runOnce(
                script, name: "\(PodPlan.marker)=\(pod)", container: PodPlan.main, mark: newMark(),
                timeout: .seconds(60))
        }
    }
}
