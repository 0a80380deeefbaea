/// The tasks that have not ended, counted by client.
struct OpenTasks {
    private var clients: [String: String] = [:]
    private var counts: [String: Int] = [:]

    func count(of client: String) -> Int { counts[client, default: 0] }

    /// Counts a task, once; one of no known client is not counted.
    mutating func insert(_ id: String, of client: String?) {
        guard let client, clients.updateValue(client, forKey: id) == nil else { return }
        counts[client, default: 0] += 1
    }

    mutating func remove(_ id: String) {
        guard let client = clients.removeValue(forKey: id), let count = counts[client] else { return }
        counts[client] = count > 1 ? count - 1 : nil
    }
}
