import Agents
import Foundation
import LanguageModels
import Logging
import Sandboxes
import Server
import Synchronization
import TaskStore
import Workflow

extension FuzzTarget {
    /// What a client sends over one connection, to the whole service; `TASK` stands for a task that has ended.
    static let http = FuzzTarget("http") { input in
        let answer = LoopbackService.shared.answer(to: input)
        require(answer.isEmpty || answer.hasPrefix("HTTP/1.1 "), answer)
        require(!answer.hasPrefix("HTTP/1.1 5"), answer)
    }
}

/// The service, for as long as the process lives. Its tasks fail at once, as it has no model.
private final class LoopbackService: Sendable {
    static let shared = LoopbackService()

    private static let running = Mutex<(port: Int, task: String)?>(nil)
    private static let folder = FuzzTarget.makeFolder()
    /// After this a connection that was sent all and is not closed counts as hanging.
    private static let patience = timeval(tv_sec: 20, tv_usec: 0)

    private let port: Int
    private let task: String

    private init() {
        // A connection that the service has closed is no reason to end.
        signal(SIGPIPE, SIG_IGN)
        FuzzTarget.wait { done in
            Task {
                do {
                    try await Self.run { port, task in
                        Self.running.withLock { $0 = (port, task) }
                        done()
                    }
                } catch {
                    fatalError("\(error)")
                }
            }
        }
        (port, task) = Self.running.withLock { $0! }
        atexit { try? FileManager.default.removeItem(at: LoopbackService.folder) }
    }

    private struct Absent: Error {}

    private struct NoSandboxes: SandboxProvider {
        let kind = "none"

        func withSandbox<Result: Sendable>(
            id: String, _ body: @Sendable (any Sandbox) async throws -> Result
        ) async throws -> Result { throw Absent() }

        func remove(id: String) {}
    }

    private static func run(_ onReady: @escaping @Sendable (_ port: Int, _ task: String) -> Void) async throws {
        let folder = folder.path()
        let logger = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }
        let runner = TaskRunner(
            settings: TaskSettings(repositories: folder + "/repositories", model: "none"), sandboxes: NoSandboxes(),
            git: GitClient(identity: .init(name: "none", email: "none@example.com")), prices: .builtIn, logger: logger
        ) { _ in throw Absent() }
        try await SQLiteRunStore.withStore(in: folder + "/data") { store in
            let service = TaskService(
                store: store, runner: runner, limits: .init(running: 2, queued: .max, perClient: 100_000),
                executor: store.executor, logger: logger)
            let server = APIServer(
                service: service, address: .init(port: 0), access: Access(hosts: ["127.0.0.1"]), version: "fuzz",
                logger: logger
            ) { port in
                do {
                    let task = try await service.submit(TaskRequest(goal: "fail", repoURL: "https://example.com/r"))
                    var sequence: Int64 = 0
                    while try await service.snapshot(of: task)?.status.isFinal != true {
                        try await store.waitForEntry(of: task, after: sequence)
                        sequence = try await store.head(of: task) ?? 0
                    }
                    onReady(port, task)
                } catch {
                    fatalError("\(error)")
                }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await service.run() }
                group.addTask { try await server.run() }
                try await group.waitForAll()
            }
        }
    }

    /// Sends bytes over a connection of their own, and reads until the service closes it.
    func answer(to request: [UInt8]) -> String {
        #if canImport(Glibc)
        let kind = Int32(SOCK_STREAM.rawValue)
        #else
        let kind = SOCK_STREAM
        #endif
        let connection = socket(AF_INET, kind, 0)
        defer { close(connection) }
        var patience = Self.patience
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var connected: Int32
        repeat {
            connected = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            // libFuzzer has an alarm; what it interrupts goes on all the same.
        } while connected != 0 && (errno == EINTR || errno == EALREADY)
        FuzzTarget.require(connected == 0 || errno == EISCONN, String(cString: strerror(errno)))
        let bytes = request.replacing(Array("TASK".utf8), with: Array(task.utf8))
        // It may be closed before everything is sent.
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { write(connection, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            sent += count
        }
        shutdown(connection, Int32(SHUT_WR))
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(connection, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count == 0 || count < 0 && errno == ECONNRESET { break }
            FuzzTarget.require(count > 0, "the connection is not closed: \(String(cString: strerror(errno)))")
            answer += buffer[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }
}
