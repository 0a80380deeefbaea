internal import KubernetesClient

/// The wait until a pod takes commands, or cannot.
struct PodReadiness: Sendable {
    var client: KubernetesClient
    var pod: String
    var timeout: Duration

    /// Reasons of a waiting container that time does not mend.
    private static let final: Set<String> = [
        "InvalidImageName", "ImagePullBackOff", "ErrImageNeverPull", "CreateContainerConfigError",
        "CreateContainerError", "RunContainerError", "CrashLoopBackOff",
    ]

    /// - Throws: ``SandboxError`` with the cluster's reason.
    func wait() async throws -> Pod {
        let ready = try await withThrowingTaskGroup(of: Pod?.self) { group in
            group.addTask {
                try await client.follow(.pods, pod, as: Pod.self) { try verdict($0) }
            }
            group.addTask {
                try await Task.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        if let ready { return ready }
        let last: Pod? = try? await client.get(.pods, pod)
        let scheduling = last?.condition("PodScheduled").flatMap { $0.status == "True" ? nil : $0 }
        let event = try? await client.list(.events, fields: "involvedObject.name=\(pod)", as: KubernetesEvent.self)
            .items.last { $0.type != "Normal" }
        let reasons = [
            scheduling.map { "\($0.reason ?? "not scheduled"): \($0.message ?? "")" },
            event.map { "\($0.reason ?? "event"): \($0.message ?? "")" },
        ].compactMap(\.self)
        throw SandboxError(
            .failed,
            "The pod \(pod) was not ready within \(timeout): \(reasons.first ?? "the cluster gives no reason")")
    }

    private func verdict(_ pod: Pod?) throws -> Pod? {
        guard let pod else { throw SandboxError(.failed, "The pod \(self.pod) was deleted before it was ready.") }
        if pod.isReady { return pod }
        if let ending = pod.ending(of: PodPlan.main) {
            throw SandboxError(.failed, "The pod \(self.pod) ended before it was ready: \(ending.reason)")
        }
        for status in pod.status?.containerStatuses ?? [] {
            if let waiting = status.state?.waiting, let reason = waiting.reason, Self.final.contains(reason) {
                throw SandboxError(.failed, "The pod \(self.pod) cannot start: \(reason): \(waiting.message ?? "")")
            }
        }
        return nil
    }
}
