import Agents
import AsyncHTTPClient
import Foundation
import LanguageModels
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// The service's API as its client sees it.
struct ServiceClient: Sendable {
    private static let timeout: TimeAmount = .seconds(30)
    private static let largestReply = 256 << 20

    private let http: HTTPClient
    private let base: String
    private let token: Secret?

    /// Makes a client for as long as `body` runs.
    ///
    /// - Parameter token: What the service asks for, if it does.
    static func withClient<Result: Sendable>(
        of base: String, token: Secret? = nil, _ body: (ServiceClient) async throws -> Result
    ) async throws -> Result {
        let http = HTTPClient(configuration: .init(redirectConfiguration: .disallow))
        let result: Swift.Result<Result, any Error>
        do {
            result = .success(try await body(ServiceClient(http: http, base: base, token: token)))
        } catch {
            result = .failure(error)
        }
        try? await http.shutdown()
        return try result.get()
    }

    /// `POST /agent/tasks`; returns the task's id.
    func submit(_ request: TaskRequest, idempotencyKey: String? = nil) async throws -> String {
        struct Accepted: Decodable {
            var id: String

            enum CodingKeys: String, CodingKey {
                case id = "task_id"
            }
        }
        let headers = idempotencyKey.map { [("Idempotency-Key", $0)] } ?? []
        let reply = try await send(.POST, "", headers: headers, body: JSONEncoder().encode(request))
        return try decode(Accepted.self, from: reply).id
    }

    /// `GET /agent/tasks/{id}`, as it came and decoded.
    func task(_ id: String) async throws -> (json: Data, task: TaskView) {
        let reply = try await send(.GET, path(id))
        return (reply, try decode(TaskView.self, from: reply))
    }

    /// `GET /agent/tasks`: one page.
    func tasks(status: String?, cursor: String?, limit: Int) async throws -> TaskPage {
        var query = [URLQueryItem(name: "limit", value: "\(limit)")]
        if let status { query.append(URLQueryItem(name: "status", value: status)) }
        if let cursor { query.append(URLQueryItem(name: "cursor", value: cursor)) }
        var components = URLComponents()
        components.queryItems = query
        return try decode(TaskPage.self, from: await send(.GET, "?\(components.percentEncodedQuery ?? "")"))
    }

    /// `POST /agent/tasks/{id}/cancel`.
    func cancel(_ id: String) async throws {
        _ = try await send(.POST, path(id) + "/cancel")
    }

    /// `POST /agent/tasks/{id}/answer`.
    func answer(_ id: String, with answer: PlanAnswer) async throws {
        _ = try await send(.POST, path(id) + "/answer", body: JSONEncoder().encode(answer))
    }

    /// `GET /agent/tasks/{id}/patch`.
    func patch(_ id: String) async throws -> Data {
        try await send(.GET, path(id) + "/patch")
    }

    /// The journal of a task, from its beginning to its end.
    func events(of id: String) -> TaskEvents {
        TaskEvents(client: self, id: id)
    }

    /// `GET /agent/tasks/{id}/events` from after an entry on.
    func openEvents(_ id: String, after sequence: Int64) async throws -> HTTPClientResponse.Body {
        var request = request(path(id) + "/events")
        request.headers.add(name: "Accept", value: "text/event-stream")
        if sequence > 0 { request.headers.add(name: "Last-Event-ID", value: "\(sequence)") }
        // The service writes at least a comment every 15 seconds; the task may take hours.
        let response = try await http.execute(request, deadline: .distantFuture)
        guard response.status == .ok else { throw try await error(of: response) }
        return response.body
    }

    // MARK: - HTTP

    private func path(_ id: String) -> String {
        "/" + (id.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(["-"])) ?? "-")
    }

    private func request(_ path: String) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: base + "/agent/tasks" + path)
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token.reveal())") }
        return request
    }

    private func send(
        _ method: HTTPMethod, _ path: String, headers: [(String, String)] = [], body: Data? = nil
    ) async throws -> Data {
        var request = request(path)
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(data: body))
        }
        do {
            let response = try await http.execute(request, timeout: Self.timeout)
            guard (200..<300).contains(response.status.code) else { throw try await error(of: response) }
            return Data(buffer: try await response.body.collect(upTo: Self.largestReply))
        } catch let error where error is ServiceError || error is CancellationError {
            throw error
        } catch {
            throw unreachable(error)
        }
    }

    private func error(of response: HTTPClientResponse) async throws -> ServiceError {
        struct Reply: Decodable {
            struct Detail: Decodable {
                var code: String
                var message: String
            }
            var error: Detail
        }
        let body = try await response.body.collect(upTo: 1 << 20)
        guard let reply = try? JSONDecoder().decode(Reply.self, from: Data(buffer: body)) else {
            return ServiceError("\(base) answered with status \(response.status.code); is it swe-agent serve?")
        }
        return ServiceError("\(reply.error.message.printable(limit: 500)) (\(reply.error.code.printable()))")
    }

    private func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: data)
        } catch {
            throw ServiceError(
                "\(base) answered with something else than a task; is it swe-agent serve of this version?")
        }
    }

    /// The error for a service that cannot be talked to.
    func unreachable(_ error: any Error) -> ServiceError {
        ServiceError("cannot reach \(base); start swe-agent serve, or name another with --url or SWE_AGENT_URL")
    }
}

/// Why the service did not do what was asked, in one line.
struct ServiceError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}

/// A task as `GET /agent/tasks/{id}` shows it.
struct TaskView: Decodable, Sendable {
    var id: String
    var status: String
    var logs: [String]
    var result: TaskResult?
    var stage: String?
    var steps: Int
    var question: PlanQuestion?
    var request: TaskRequest?
}

/// A page of `GET /agent/tasks`.
struct TaskPage: Decodable, Sendable {
    struct Item: Codable, Sendable {
        var id: String
        var status: String
        var goal: String
        var createdAt: String
        var updatedAt: String

        enum CodingKeys: String, CodingKey {
            case id, status, goal
            case createdAt = "created_at"
            case updatedAt = "updated_at"
        }
    }

    var tasks: [Item]
    var nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case tasks
        case nextCursor = "next_cursor"
    }
}
