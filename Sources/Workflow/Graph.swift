/// A typed state graph: named nodes that change a state, and edges that say which comes next.
///
/// The graph is data until it is run, so it can be checked and drawn without any of the things its nodes need:
/// those come as the context of an execution.
///
/// ```swift
/// let graph = try Graph<Stage, State, Tools>("review", start: .write) { graph in
///     graph.node(.write, visits: 3) { state, run, tools in … }
///     graph.node(.check) { state, run, tools in … }
///     graph.edge(from: .write, to: .check)
///     graph.branch(from: .check, to: [.node(.write, when: "findings"), .end(when: "approved")]) { state in
///         state.findings.isEmpty ? .end : .node(.write)
///     }
/// }
/// ```
public struct Graph<Node, State, Context>: Sendable
where Node: RawRepresentable<String> & CaseIterable & Hashable & Sendable, State: Codable & Sendable, Context: Sendable
{
    /// A node's work. It changes the state and touches the world only through the run's effects.
    public typealias Body = @Sendable (inout State, Run, Context) async throws -> Void

    /// Where a branch goes.
    public enum Successor: Hashable, Sendable {
        case node(Node)
        case end
    }

    /// An edge as it is drawn.
    public struct Edge: Hashable, Sendable {
        public var successor: Successor
        public var label: String?

        public static func node(_ node: Node, when label: String? = nil) -> Edge {
            Edge(successor: .node(node), label: label)
        }

        public static func end(when label: String? = nil) -> Edge {
            Edge(successor: .end, label: label)
        }
    }

    struct Step: Sendable {
        var body: Body
        var visits: Int
        var edges: [Edge] = []
        var choose: (@Sendable (State) -> Successor)?
    }

    public let name: String
    public let start: Node
    private(set) var steps: [Node: Step] = [:]
    private var problems: [WorkflowError] = []

    /// Describes a graph and checks it: every node declared once, reachable, and with a way out.
    ///
    /// - Throws: ``WorkflowError``.
    public init(_ name: String, start: Node, _ describe: (inout Graph) -> Void) throws {
        self.name = name
        self.start = start
        describe(&self)
        try validate()
    }

    /// Declares a node.
    ///
    /// - Parameter visits: How often it may be entered in one run; this is what bounds every cycle.
    public mutating func node(_ node: Node, visits: Int = 1, _ body: @escaping Body) {
        if steps[node] != nil { problems.append(.declaredTwice(node.rawValue)) }
        steps[node] = Step(body: body, visits: visits)
    }

    /// Declares that one node always follows another.
    public mutating func edge(from node: Node, to successor: Node) {
        branch(from: node, to: [.node(successor)]) { _ in .node(successor) }
    }

    /// Declares that the graph ends after a node.
    public mutating func end(after node: Node) {
        branch(from: node, to: [.end()]) { _ in .end }
    }

    /// Declares that the state after a node decides what follows.
    public mutating func branch(
        from node: Node, to edges: [Edge], choose: @escaping @Sendable (State) -> Successor
    ) {
        guard steps[node] != nil else { return problems.append(.undeclaredNode(node.rawValue)) }
        steps[node]?.edges = edges
        steps[node]?.choose = choose
    }

    func successor(of node: Node, in state: State) throws -> Node? {
        guard let step = steps[node], let choose = step.choose else { throw WorkflowError.noWayOut(node.rawValue) }
        let successor = choose(state)
        guard step.edges.contains(where: { $0.successor == successor }) else {
            throw WorkflowError.unknownSuccessor(node: node.rawValue, successor: "\(successor)")
        }
        guard case .node(let next) = successor else { return nil }
        return next
    }

    private func validate() throws {
        if let problem = problems.first { throw problem }
        var reached: Set<Node> = []
        var frontier = [start]
        while let node = frontier.popLast() {
            guard reached.insert(node).inserted else { continue }
            guard let step = steps[node] else { throw WorkflowError.undeclaredNode(node.rawValue) }
            if step.edges.isEmpty { throw WorkflowError.noWayOut(node.rawValue) }
            for case .node(let next) in step.edges.map(\.successor) { frontier.append(next) }
        }
        for node in Node.allCases where !reached.contains(node) { throw WorkflowError.unreachableNode(node.rawValue) }
    }
}
