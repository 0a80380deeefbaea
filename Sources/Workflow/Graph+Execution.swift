extension Graph {
    /// Executes the graph from where its journal ends: from the start for a new run, after the last finished effect
    /// for one that a crash, a shutdown or a question broke off.
    ///
    /// - Parameters:
    ///   - initial: The state that a new run begins with.
    ///   - journal: The run's journal.
    ///   - context: What the nodes work with.
    /// - Returns: The state at the end.
    /// - Throws: What a node throws (``EffectFailure`` for its effects), ``Interruption`` when a person is asked,
    ///   ``WorkflowError`` and ``JournalError``. The journal is then such that executing it again goes on.
    public func execute(from initial: State, journal: any Journal, context: Context) async throws -> State {
        var past = try Past(journal: await journal.entries(after: 0), initial: initial, start: start)
        while let node = past.next {
            guard let step = steps[node] else { throw WorkflowError.undeclaredNode(node.rawValue) }
            if !past.inNode {
                guard past.visits[node, default: 0] < step.visits else {
                    throw WorkflowError.visitLimit(node: node.rawValue, limit: step.visits)
                }
                past.visits[node, default: 0] += 1
                past.history = Run.History()
            }
            let visit = "\(node.rawValue)#\(past.visits[node, default: 0])"
            if !past.inNode {
                try await journal.append(RunEvent(.nodeStarted, key: visit, name: node.rawValue))
            }
            past.inNode = false
            try await step.body(&past.state, Run(journal: journal, history: past.history, scope: visit), context)
            past.next = try successor(of: node, in: past.state)
            try await journal.append(
                RunEvent(
                    .nodeFinished, key: visit, name: node.rawValue, detail: past.next?.rawValue,
                    payload: JSONText(past.state)))
        }
        try await journal.sync()
        return past.state
    }

    /// What a journal says about how far the graph has come.
    private struct Past {
        var state: State
        var next: Node?
        var visits: [Node: Int] = [:]
        /// Whether `next` had been entered, and what it had done.
        var inNode = false
        var history = Run.History()

        init(journal: [JournalEntry], initial: State, start: Node) throws {
            state = initial
            next = start
            var latest: JSONText?
            for event in journal.lazy.map(\.event) {
                switch event.kind {
                case .nodeStarted:
                    guard let node = event.name.flatMap(Node.init(rawValue:)) else {
                        throw WorkflowError.undeclaredNode(event.name ?? "")
                    }
                    next = node
                    visits[node, default: 0] += 1
                    inNode = true
                    history = Run.History()
                case .nodeFinished:
                    latest = event.payload
                    inNode = false
                    next = try event.detail.map {
                        guard let node = Node(rawValue: $0) else { throw WorkflowError.undeclaredNode($0) }
                        return node
                    }
                case .effectStarted, .interrupted:
                    if let key = event.key { history.started[key] = event.name }
                case .effectFinished, .effectFailed, .log:
                    if let key = event.key {
                        history.started[key] = event.name
                        history.outcomes[key] = event
                    }
                case .answered:
                    if let key = event.key { history.answers[key] = event.payload }
                case .submitted, .started, .cancelRequested, .finished: break
                }
            }
            if let latest { state = try latest.decode() }
        }
    }
}
