import Agents
import Foundation
import NIOCore
import Workflow

/// The bodies of `GET /agent/tasks/{id}`, encoded once for each state that a task is in.
actor TaskViews {
    private struct View {
        var snapshot: TaskSnapshot
        var body: ByteBuffer
    }

    /// The most tasks that are kept; beyond it the views of tasks that have ended go first.
    private static let capacity = 4096

    private let service: TaskService
    private var views: [String: View] = [:]

    init(service: TaskService) {
        self.service = service
    }

    /// The body for a task; `nil` where there is no such task.
    func body(of id: String) async throws -> ByteBuffer? {
        if let view = views[id], view.snapshot.status.isFinal { return view.body }
        guard let head = try await service.store.head(of: id) else { return nil }
        if let view = views[id], view.snapshot.sequence >= head { return view.body }
        var snapshot = views[id]?.snapshot ?? TaskSnapshot(id: id)
        for entry in try await service.store.entries(of: id, after: snapshot.sequence, limit: .max) {
            try snapshot.apply(entry)
        }
        let body = ByteBuffer(bytes: try JSONEncoder.api.encode(TaskBody(snapshot)))
        // Another request may have come further meanwhile.
        if views[id].map({ $0.snapshot.sequence < snapshot.sequence }) ?? true {
            if views.count >= Self.capacity { makeRoom() }
            views[id] = View(snapshot: snapshot, body: body)
        }
        return body
    }

    private func makeRoom() {
        views = views.filter { !$0.value.snapshot.status.isFinal }
        if views.count >= Self.capacity { views.removeAll() }
    }
}

extension JSONEncoder {
    /// How the API writes JSON.
    static var api: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return encoder
    }
}
