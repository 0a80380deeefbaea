import Foundation
import TaskStore
import Workflow

/// Measures durable steps on a real store; prints one JSON object with the medians of several runs, in milliseconds.
///
/// - `step_ms`: from node to node of a graph that goes round, each step an effect whose outcome is in the journal;
/// - `effect_ms`: one effect that happens once: its start, and every outcome before it, is on disk before it begins.
@main
struct DurableStep {
    static let runs = 5

    static func main() async throws {
        guard CommandLine.arguments.count == 3, let steps = Int(CommandLine.arguments[2]) else {
            FileHandle.standardError.write(Data("usage: DurableStep DIRECTORY STEPS\n".utf8))
            exit(2)
        }
        let directory = CommandLine.arguments[1]
        let figures = try await SQLiteRunStore.withStore(in: directory) { store in
            var times: [Measure: [Double]] = [:]
            for run in 0..<runs {
                for measure in Measure.allCases {
                    let time = try await measure.time(of: steps, in: store, run: "\(measure)-\(run)")
                    times[measure, default: []].append(time)
                }
            }
            return times.mapValues { $0.sorted()[$0.count / 2] }
        }
        print(#"{"step_ms":\#(figures[.step]!),"effect_ms":\#(figures[.effect]!)}"#)
    }
}

enum Measure: CaseIterable {
    case step, effect

    /// The milliseconds that one of so many steps takes.
    func time(of steps: Int, in store: SQLiteRunStore, run id: String) async throws -> Double {
        let id = try await store.submit(id: id, title: id, input: JSONText(verbatim: "{}"), idempotencyKey: nil)
        let journal = try await store.journal(of: id)
        let time = try await ContinuousClock().measure {
            switch self {
            case .step: _ = try await Self.round(of: steps).execute(from: State(), journal: journal, context: ())
            case .effect: _ = try await Self.effects(steps).execute(from: State(), journal: journal, context: ())
            }
        }
        return time / .milliseconds(steps)
    }

    enum Pair: String, CaseIterable { case programmer, reviewer }
    enum Single: String, CaseIterable { case programmer }

    struct State: Codable, Sendable {
        var steps = 0
        var message = String(repeating: "x", count: 100)
    }

    /// Two nodes in turns.
    private static func round(of steps: Int) throws -> Graph<Pair, State, Void> {
        try Graph("round", start: .programmer) { graph in
            for node in Pair.allCases {
                graph.node(node, visits: steps) { state, run, _ in
                    let steps = state.steps
                    state.steps = try await run.effect("step", kind: .once) { steps + 1 }
                }
            }
            graph.edge(from: .programmer, to: .reviewer)
            graph.branch(from: .reviewer, to: [.node(.programmer), .end()]) { state in
                state.steps < steps ? .node(.programmer) : .end
            }
        }
    }

    /// One node with many effects.
    private static func effects(_ steps: Int) throws -> Graph<Single, State, Void> {
        try Graph("effects", start: .programmer) { graph in
            graph.node(.programmer) { state, run, _ in
                for step in 1...steps {
                    state.steps = try await run.effect("step", kind: .once) { step }
                }
            }
            graph.end(after: .programmer)
        }
    }
}
