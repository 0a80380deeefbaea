import Agents
import Hummingbird

/// `/healthz`: the process answers. `/readyz`: it takes tasks.
struct HealthRoutes {
    let service: TaskService
    let version: String

    private struct Health: Encodable {
        var status: String
        var version: String
    }

    func add(to router: Router<APIContext>) {
        router.get("/healthz") { _, _ in
            try Response.json(Health(status: "ok", version: version))
        }
        router.get("/readyz") { _, _ in
            guard await service.isAccepting else {
                throw APIError(.serviceUnavailable, "draining", "the service is going down and takes no more tasks")
            }
            return try Response.json(Health(status: "ready", version: version))
        }
    }
}
