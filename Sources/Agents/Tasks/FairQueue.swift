import DequeModule

/// Tasks that wait, by client: clients get their turns one after the other, however many tasks each has brought.
struct FairQueue {
    private var waiting: [String: Deque<String>] = [:]
    /// The clients that have something waiting, the next first.
    private var turns: Deque<String> = []
    private var members: Set<String> = []

    var count: Int { members.count }
    var isEmpty: Bool { members.isEmpty }

    func contains(_ id: String) -> Bool { members.contains(id) }

    /// Adds a task behind the other ones of its client; one that waits already stays where it is.
    mutating func append(_ id: String, of client: String?) {
        guard members.insert(id).inserted else { return }
        let client = client ?? ""
        if waiting[client] == nil { turns.append(client) }
        waiting[client, default: []].append(id)
    }

    /// Takes the first task of the client whose turn it is.
    mutating func popFirst() -> String? {
        guard let client = turns.popFirst(), let id = waiting[client]?.popFirst() else { return nil }
        if waiting[client]?.isEmpty == true { waiting[client] = nil } else { turns.append(client) }
        members.remove(id)
        return id
    }
}
