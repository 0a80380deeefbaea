import Agents
import Foundation
import HTTPTypes
import Hummingbird
import Workflow

/// `/agent/tasks`: submit, list, look, cancel, answer, and what came of a task.
struct TaskRoutes {
    /// The most bytes of a body.
    static let bodyLimit = 1 << 20
    private static let pageLimit = 200
    private static let keyLimit = 255

    let service: TaskService
    let views: TaskViews
    let access: Access
    let version: String

    func add(to tasks: RouterGroup<APIContext>) {
        tasks.post(use: submit)
        tasks.get(use: list)
        tasks.get("/{id}", use: show)
        tasks.post("/{id}/cancel", use: cancel)
        tasks.post("/{id}/answer", use: answer)
        tasks.get("/{id}/events", use: events)
        tasks.get("/{id}/patch", use: patch)
        tasks.get("/{id}/trajectory", use: trajectory)
    }

    /// A task's id as JSON; ids need no escaping.
    private static func accepted(_ id: String, headers: HTTPFields = [:]) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        return Response(
            status: .accepted, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: #"{"task_id":"\#(id)"}"#)))
    }

    @Sendable private func submit(_ request: Request, _ context: APIContext) async throws -> Response {
        let key = request.headers[.idempotencyKey]
        guard key.map({ 1...Self.keyLimit ~= $0.utf8.count }) ?? true else {
            throw APIError(
                .badRequest, "bad_idempotency_key", "Idempotency-Key must be 1 to \(Self.keyLimit) bytes long")
        }
        let task: TaskRequest = try await body(of: request)
        do {
            let id = try await service.submit(
                task, idempotencyKey: key, client: access.client(of: request, from: context.remoteAddress))
            return Self.accepted(id, headers: [.location: "/agent/tasks/\(id)"])
        } catch let error as TaskRequestError {
            throw APIError(.badRequest, error.code.rawValue, error.message)
        } catch TaskRefusal.queueFull(let limit) {
            throw APIError(
                .tooManyRequests, "queue_full", "\(limit) tasks are waiting already; try again later",
                headers: [.retryAfter: "10"])
        } catch TaskRefusal.clientFull(let limit) {
            throw APIError(
                .tooManyRequests, "too_many_tasks",
                "you have \(limit) tasks waiting or at work already; wait for one to end, or cancel one",
                headers: [.retryAfter: "10"])
        } catch TaskRefusal.draining {
            throw APIError(
                .serviceUnavailable, "draining", "the service is going down; try again soon",
                headers: [.retryAfter: "10"])
        } catch let error as IdempotencyConflict {
            throw APIError(
                .conflict, "idempotency_conflict",
                "this Idempotency-Key was used for another request, which made task \(error.existing)")
        }
    }

    @Sendable private func list(_ request: Request, _ context: APIContext) async throws -> Response {
        let query = request.uri.queryParameters
        var statuses: Set<RunStatus> = []
        for name in query.getAll("status") {
            guard let status = TaskStatus(rawValue: name.uppercased()) else {
                let names = TaskStatus.allCases.map(\.rawValue).joined(separator: ", ")
                throw APIError(.badRequest, "bad_status", "status must be one of \(names)")
            }
            statuses.formUnion(status.runStatuses)
        }
        let limit = try number(query["limit"], "limit", in: 1...Int64(Self.pageLimit)) ?? 50
        let before = try number(query["cursor"], "cursor", in: 1...Int64.max)
        let page = try await service.store.list(statuses: statuses, before: before, limit: Int(limit) + 1)
        let shown = page.prefix(Int(limit))
        return try .json(
            TaskList(
                tasks: shown.map(TaskList.Item.init),
                nextCursor: page.count > shown.count ? shown.last.map { String($0.cursor) } : nil))
    }

    @Sendable private func show(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = try context.parameters.require("id")
        guard let body = try await views.body(of: id) else { throw APIError.unknownTask(id) }
        return Response(
            status: .ok, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: body))
    }

    @Sendable private func cancel(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = try context.parameters.require("id")
        return try respond(to: try await service.cancel(id), about: id, otherwise: "has ended already")
    }

    @Sendable private func answer(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = try context.parameters.require("id")
        let answer: PlanAnswer = try await body(of: request)
        return try respond(
            to: try await service.answer(id, with: answer), about: id, otherwise: "does not wait for an answer")
    }

    private func respond(to change: TaskService.Change, about id: String, otherwise: String) throws -> Response {
        switch change {
        case .done: return Self.accepted(id)
        case .unknownTask: throw APIError.unknownTask(id)
        case .notNow(let status):
            throw APIError(.conflict, "not_now", "the task is \(TaskStatus(status).rawValue) and \(otherwise)")
        }
    }

    @Sendable private func patch(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = try context.parameters.require("id")
        guard let snapshot = try await service.snapshot(of: id) else { throw APIError.unknownTask(id) }
        guard let patch = snapshot.result?.patch, !patch.isEmpty else {
            throw APIError(.notFound, "no_patch", "the task has made no change, or has not ended")
        }
        return Response(
            status: .ok, headers: [.contentType: "text/x-diff"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: patch.bytes)))
    }

    @Sendable private func trajectory(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = try context.parameters.require("id")
        let name = request.uri.queryParameters["format"].map(String.init) ?? TrajectoryFormat.journal.rawValue
        guard let format = TrajectoryFormat(rawValue: name) else {
            let names = TrajectoryFormat.allCases.map(\.rawValue).joined(separator: ", ")
            throw APIError(.badRequest, "bad_format", "format must be one of \(names)")
        }
        let entries = try await service.store.entries(of: id, after: 0, limit: .max)
        guard !entries.isEmpty else { throw APIError.unknownTask(id) }
        return Response(
            status: .ok, headers: [.contentType: format.contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(string: try format.write(id, entries, version: version))))
    }

    @Sendable private func events(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = try context.parameters.require("id")
        let after = request.headers[.lastEventID] ?? request.uri.queryParameters["after"].map(String.init)
        let sequence = try number(after.map { $0[...] }, "Last-Event-ID", in: 0...Int64.max) ?? 0
        guard try await service.store.head(of: id) != nil else { throw APIError.unknownTask(id) }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: EventStream(store: service.store, task: id).body(after: sequence))
    }

    // MARK: - Reading requests

    private func body<Value: Decodable>(of request: Request) async throws -> Value {
        let buffer = try await request.body.collect(upTo: Self.bodyLimit)
        do {
            return try JSONDecoder().decode(Known<Value>.self, from: Data(buffer.readableBytesView)).value
        } catch let error as APIError {
            throw error
        } catch let error as DecodingError {
            throw APIError(decoding: error)
        }
    }

    private func number(_ text: Substring?, _ name: String, in range: ClosedRange<Int64>) throws -> Int64? {
        guard let text else { return nil }
        guard let number = Int64(text), range.contains(number) else {
            let most = range.upperBound == .max ? "" : " and at most \(range.upperBound)"
            throw APIError(
                .badRequest, "bad_parameter", "\(name) must be a whole number of at least \(range.lowerBound)\(most)")
        }
        return number
    }
}

extension HTTPField.Name {
    fileprivate static let idempotencyKey = Self("Idempotency-Key")!
    fileprivate static let lastEventID = Self("Last-Event-ID")!
}
