extension Graph {
    /// The graph as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html), from its own edges.
    public var mermaid: String {
        var lines = ["flowchart TD", "    start([start]) --> \(start.rawValue)"]
        for node in Node.allCases {
            guard let step = steps[node] else { continue }
            let limit = step.visits > 1 ? "<br/>at most \(step.visits) times" : ""
            lines.append("    \(node.rawValue)[\"\(node.rawValue)\(limit)\"]")
            for edge in step.edges {
                let target = if case .node(let next) = edge.successor { next.rawValue } else { "finish([end])" }
                let label = edge.label.map { "|\"\($0)\"|" } ?? ""
                lines.append("    \(node.rawValue) -->\(label) \(target)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
