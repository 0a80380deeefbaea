import Foundation
public import Sandboxes

/// Sandboxes for programs, a fresh one for each: they are started before they are needed, and removed after use.
///
/// ``host()`` has to run beside whatever takes them.
public actor ProgramSandboxes {
    private struct Lease: Sendable {
        var id: String
        var sandbox: any Sandbox
        /// Ends the sandbox.
        var end: AsyncStream<Void>.Continuation
    }

    private let provider: any SandboxProvider
    private let program: String
    private let requests: AsyncStream<Void>
    private let request: AsyncStream<Void>.Continuation
    private var ready: [Lease] = []
    private var starting = 0
    private var waiting: [AsyncThrowingStream<Lease, any Error>.Continuation] = []
    /// What ``program`` is in the sandbox, once one has told.
    private var interpreter: String?
    /// Sandboxes whose programs have ended, until it is known whose files are kept.
    private var held: [Lease] = []
    /// The sandbox whose files can still be looked at.
    private var kept: Lease?

    /// - Parameter interpreter: The Python that runs the programs: a name that is looked for in `PATH`, or a path.
    public init(provider: any SandboxProvider, interpreter: String) {
        self.provider = provider
        program = interpreter
        (requests, request) = AsyncStream.makeStream()
    }

    /// Hosts the sandboxes until the task is cancelled.
    public nonisolated func host() async {
        await withDiscardingTaskGroup { group in
            for await _ in requests { group.addTask { await self.live() } }
            group.cancelAll()
        }
    }

    /// Has so many sandboxes ready soon.
    public func prepare(_ count: Int) {
        for _ in 0..<max(0, count - ready.count - starting) { start() }
    }

    private func start() {
        starting += 1
        request.yield()
    }

    private nonisolated func live() async {
        let id = UUID().uuidString.lowercased()
        do {
            try await provider.withSandbox(id: id) { sandbox in
                try await self.prepare(sandbox)
                let (ends, end) = AsyncStream<Void>.makeStream()
                await self.add(Lease(id: id, sandbox: sandbox, end: end))
                for await _ in ends {}
            }
        } catch {
            await fail(error)
        }
        // What cannot be removed now is removed with the session.
        try? await provider.remove(id: id)
    }

    /// Starts the shell, and finds out once what the interpreter is: a name may stand for a script that only looks for it.
    private func prepare(_ sandbox: any Sandbox) async throws {
        guard interpreter == nil else {
            _ = try await sandbox.run(SandboxCommand(":", timeout: .seconds(30)))
            return
        }
        let probe = "\(program.shellQuoted) -c 'import sys; assert sys.version_info >= (3, 8); print(sys.executable)'"
        let outcome = try await sandbox.run(SandboxCommand(probe, timeout: .seconds(30), outputLimit: 4096))
        let path = outcome.output.split(separator: "\n").last.map(String.init) ?? ""
        guard outcome.succeeded, path.hasPrefix("/") else {
            let reason = outcome.timedOut ? "it did not answer" : outcome.output.split(separator: "\n").last ?? ""
            throw SandboxError(
                .unavailable,
                "\(program) is not a Python of version 3.8 or newer in the sandbox (\(reason)); set CODE_INTERPRETER to one"
            )
        }
        interpreter = path
    }

    private func add(_ lease: Lease) {
        starting -= 1
        while !waiting.isEmpty {
            let waiter = waiting.removeFirst()
            if case .enqueued = waiter.yield(lease) {
                waiter.finish()
                return
            }
        }
        ready.append(lease)
    }

    private func fail(_ error: any Error) {
        starting -= 1
        while !waiting.isEmpty, starting < waiting.count { waiting.removeFirst().finish(throwing: error) }
    }

    private func take() async throws -> Lease {
        if let lease = ready.popLast() { return lease }
        let (leases, waiter) = AsyncThrowingStream<Lease, any Error>.makeStream()
        waiting.append(waiter)
        if starting < waiting.count { start() }
        for try await lease in leases { return lease }
        throw CancellationError()
    }

    /// Runs `body` with a fresh sandbox, which is ready for another use if `body` did nothing but read.
    func withSandbox<Result: Sendable>(
        _ body: @Sendable (_ sandbox: any Sandbox, _ interpreter: String) async throws -> Result
    ) async throws -> Result {
        let lease = try await take()
        do {
            let result = try await body(lease.sandbox, interpreter ?? program)
            ready.append(lease)
            return result
        } catch {
            lease.end.finish()
            throw error
        }
    }

    /// Runs `body` with a fresh sandbox that nobody gets after it.
    ///
    /// - Parameter hold: Whether its files stay until ``keepFiles(of:)`` says whose are kept.
    /// - Returns: What `body` returns, and the sandbox's id.
    func withFreshSandbox<Result: Sendable>(
        hold: Bool, _ body: @Sendable (_ sandbox: any Sandbox, _ interpreter: String) async throws -> Result
    ) async throws -> (Result, id: String) {
        let lease = try await take()
        do {
            let result = try await body(lease.sandbox, interpreter ?? program)
            if hold { held.append(lease) } else { lease.end.finish() }
            return (result, lease.id)
        } catch {
            lease.end.finish()
            throw error
        }
    }

    /// Keeps the files of one sandbox until those of another are kept, and ends the others that were held.
    func keepFiles(of id: String?) {
        guard !held.isEmpty else { return }
        kept?.end.finish()
        kept = held.first { $0.id == id }
        for lease in held where lease.id != id { lease.end.finish() }
        held = []
    }

    /// Copies the files that the last program made into a directory of the host.
    ///
    /// - Returns: The paths, within the directory; empty where there are none, or none any more.
    /// - Throws: ``SandboxError``, or an error of the host's file system.
    public func copyFiles(to directory: String) async throws -> [String] {
        guard let sandbox = kept?.sandbox else { return [] }
        // Regular files only: a link could name a file of the host.
        let find = "find . -type f ! -path '*/__pycache__/*' ! -name '*\n*' | head -n 1000"
        let listing = try await sandbox.run(
            SandboxCommand(find, directory: sandbox.workspace, outputLimit: 1 << 20))
        var copied: [String] = []
        for line in listing.output.split(separator: "\n") where line.hasPrefix("./") {
            let path = String(line.dropFirst(2))
            let contents = try await sandbox.readFile(path, limit: 256 << 20)
            let target = URL(filePath: directory).appending(path: path)
            try FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(contents).write(to: target)
            copied.append(path)
        }
        return copied.sorted()
    }
}
