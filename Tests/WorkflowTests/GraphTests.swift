import Foundation
import TaskStore
import Testing
import Workflow

enum Stage: String, CaseIterable {
    case write, check, deliver
}

struct Draft: Codable, Sendable {
    var words: [String] = []
    var checks = 0
    var approved = false
}

/// Counts what happens in the world, and lets it go wrong at a chosen place.
actor World {
    private(set) var deeds: [String] = []
    private var crashAt: String?

    init(crashAt: String? = nil) {
        self.crashAt = crashAt
    }

    struct Crash: Error {}

    /// Does something; where it is told to crash, after having done it.
    func act(_ deed: String) throws -> String {
        deeds.append(deed)
        if crashAt == deed {
            crashAt = nil
            // Cancellation is what a dying process looks like to a run: nothing more is recorded.
            throw CancellationError()
        }
        return deed.uppercased()
    }
}

typealias DraftGraph = Graph<Stage, Draft, World>

func draftGraph(rounds: Int = 2) throws -> DraftGraph {
    try DraftGraph("draft", start: .write) { graph in
        graph.node(.write, visits: rounds) { state, run, world in
            try await run.log("writing")
            for index in 1...2 {
                let name = "word \(state.checks).\(index)"
                let word = try await run.effect(name, kind: .once) { try await world.act(name) }
                state.words.append(word)
            }
        }
        graph.node(.check, visits: rounds) { state, run, world in
            state.checks += 1
            let name = "check \(state.checks)"
            _ = try await run.effect(name) { try await world.act(name) }
            state.approved = state.checks == rounds
        }
        graph.node(.deliver) { _, run, world in
            _ = try await run.effect("deliver", kind: .once) { try await world.act("deliver") }
        }
        graph.edge(from: .write, to: .check)
        graph.branch(from: .check, to: [.node(.write, when: "findings"), .node(.deliver, when: "approved")]) { state in
            state.approved ? .node(.deliver) : .node(.write)
        }
        graph.end(after: .deliver)
    }
}

func withJournal(_ body: @Sendable (any Journal, SQLiteRunStore) async throws -> Void) async throws {
    let directory = NSTemporaryDirectory() + "workflow-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try await SQLiteRunStore.withStore(in: directory) { store in
        let id = try await store.submit(id: "a", title: "a", input: JSONText(verbatim: "{}"), idempotencyKey: nil)
        try await body(store.journal(of: id), store)
    }
}

@Suite struct GraphTests {
    static let deeds = ["word 0.1", "word 0.2", "check 1", "word 1.1", "word 1.2", "check 2", "deliver"]

    @Test func runsNodesAlongItsEdges() async throws {
        try await withJournal { journal, _ in
            let world = World()
            let state = try await draftGraph().execute(from: Draft(), journal: journal, context: world)
            #expect(state.words == ["WORD 0.1", "WORD 0.2", "WORD 1.1", "WORD 1.2"])
            #expect(await world.deeds == Self.deeds)
        }
    }

    /// Wherever the run breaks off, what had finished does not happen again and the end is the same.
    @Test(arguments: deeds) func goesOnAfterACrash(at deed: String) async throws {
        try await withJournal { journal, _ in
            let world = World(crashAt: deed)
            await #expect(throws: CancellationError.self) {
                _ = try await draftGraph().execute(from: Draft(), journal: journal, context: world)
            }
            let state = try await draftGraph().execute(from: Draft(), journal: journal, context: world)
            #expect(state.words == ["WORD 0.1", "WORD 0.2", "WORD 1.1", "WORD 1.2"])
            // The one in flight is repeated, and no other.
            let index = try #require(Self.deeds.firstIndex(of: deed))
            #expect(await world.deeds == Array(Self.deeds[...index]) + Array(Self.deeds[index...]))
            let logs = try await journal.entries(after: 0).filter { $0.event.kind == .log }
            #expect(logs.count == 2)
            // A run that has ended does nothing more.
            _ = try await draftGraph().execute(from: Draft(), journal: journal, context: world)
            #expect(await world.deeds.count == Self.deeds.count + 1)
        }
    }

    @Test func settlesAnEffectThatHadHappened() async throws {
        try await withJournal { journal, _ in
            let world = World(crashAt: "push")
            let graph = try Graph<Single, Draft, World>("single", start: .only) { graph in
                graph.node(.only) { state, run, world in
                    let word = try await run.effect("push", kind: .once) {
                        await world.deeds.contains("push") ? "found" : nil
                    } _: {
                        try await world.act("push")
                    }
                    state.words = [word]
                }
                graph.end(after: .only)
            }
            await #expect(throws: CancellationError.self) {
                _ = try await graph.execute(from: Draft(), journal: journal, context: world)
            }
            let state = try await graph.execute(from: Draft(), journal: journal, context: world)
            #expect(state.words == ["found"])
            #expect(await world.deeds == ["push"])
        }
    }

    @Test func failuresAreTheSameWhenReplayed() async throws {
        struct Broken: FailureKind, CustomStringConvertible {
            let failureKind = "broken"
            let description = "it broke"
        }
        try await withJournal { journal, _ in
            let world = World(crashAt: "after")
            let graph = try Graph<Single, Draft, World>("single", start: .only) { graph in
                graph.node(.only) { state, run, world in
                    do {
                        let _: String = try await run.effect("break") {
                            _ = try await world.act("break")
                            throw Broken()
                        }
                    } catch let failure as EffectFailure {
                        state.words = [failure.kind, failure.message]
                    }
                    _ = try await run.effect("after") { try await world.act("after") }
                }
                graph.end(after: .only)
            }
            await #expect(throws: CancellationError.self) {
                _ = try await graph.execute(from: Draft(), journal: journal, context: world)
            }
            let state = try await graph.execute(from: Draft(), journal: journal, context: world)
            #expect(state.words == ["broken", "it broke"])
            #expect(await world.deeds == ["break", "after", "after"])
        }
    }

    @Test func waitsForAPerson() async throws {
        try await withJournal { journal, store in
            let world = World()
            let graph = try Graph<Single, Draft, World>("single", start: .only) { graph in
                graph.node(.only) { state, run, world in
                    _ = try await run.effect("before") { try await world.act("before") }
                    let answer: String = try await run.interrupt("may I?")
                    state.words = [try await run.effect("after") { try await world.act(answer) }]
                }
                graph.end(after: .only)
            }
            for _ in 1...2 {
                await #expect(throws: Interruption.self) {
                    _ = try await graph.execute(from: Draft(), journal: journal, context: world)
                }
            }
            #expect(try await store.summary(of: "a")?.status == .waiting)
            let question = try #require(
                await journal.entries(after: 0).first { $0.event.kind == .interrupted })
            try await journal.record(
                RunEvent(.answered, key: question.event.key, payload: JSONText(verbatim: "\"yes\"")))
            let state = try await graph.execute(from: Draft(), journal: journal, context: world)
            #expect(state.words == ["YES"])
            #expect(await world.deeds == ["before", "yes"])
        }
    }

    @Test func parallelWorkIsToldApartByScope() async throws {
        try await withJournal { journal, _ in
            let world = World(crashAt: "c")
            let graph = try Graph<Single, Draft, World>("single", start: .only) { graph in
                graph.node(.only) { state, run, world in
                    state.words = try await withThrowingTaskGroup(of: String.self) { group in
                        for name in ["a", "b"] {
                            group.addTask {
                                try await run.scoped(name).effect("work") { try await world.act(name) }
                            }
                        }
                        return try await group.reduce(into: []) { $0.append($1) }.sorted()
                    }
                    _ = try await run.effect("c") { try await world.act("c") }
                }
                graph.end(after: .only)
            }
            await #expect(throws: CancellationError.self) {
                _ = try await graph.execute(from: Draft(), journal: journal, context: world)
            }
            let state = try await graph.execute(from: Draft(), journal: journal, context: world)
            #expect(state.words == ["A", "B"])
            #expect(await world.deeds.sorted() == ["a", "b", "c", "c"])
        }
    }

    @Test func noticesThatTheCodeChanged() async throws {
        try await withJournal { journal, _ in
            func graph(_ first: String) throws -> Graph<Single, Draft, World> {
                try Graph("single", start: .only) { graph in
                    graph.node(.only) { _, run, world in
                        _ = try await run.effect(first) { try await world.act(first) }
                        _ = try await run.effect("end") { try await world.act("end") }
                    }
                    graph.end(after: .only)
                }
            }
            let world = World(crashAt: "end")
            await #expect(throws: CancellationError.self) {
                _ = try await graph("old").execute(from: Draft(), journal: journal, context: world)
            }
            await #expect(throws: WorkflowError.diverged(key: "only#1/1", recorded: "old", now: "new")) {
                _ = try await graph("new").execute(from: Draft(), journal: journal, context: world)
            }
        }
    }

    @Test func cyclesEnd() async throws {
        try await withJournal { journal, _ in
            let graph = try DraftGraph("endless", start: .write) { graph in
                graph.node(.write, visits: 3) { state, _, _ in state.checks += 1 }
                graph.node(.check, visits: 9) { _, _, _ in }
                graph.node(.deliver) { _, _, _ in }
                graph.edge(from: .write, to: .check)
                graph.branch(from: .check, to: [.node(.write), .node(.deliver)]) { _ in .node(.write) }
                graph.end(after: .deliver)
            }
            await #expect(throws: WorkflowError.visitLimit(node: "write", limit: 3)) {
                _ = try await graph.execute(from: Draft(), journal: journal, context: World())
            }
        }
    }

    @Test func graphsAreChecked() {
        #expect(throws: WorkflowError.unreachableNode("deliver")) {
            try DraftGraph("g", start: .write) { graph in
                for node in Stage.allCases { graph.node(node) { _, _, _ in } }
                graph.edge(from: .write, to: .check)
                graph.end(after: .check)
            }
        }
        #expect(throws: WorkflowError.noWayOut("check")) {
            try DraftGraph("g", start: .write) { graph in
                for node in Stage.allCases { graph.node(node) { _, _, _ in } }
                graph.branch(from: .write, to: [.node(.check), .node(.deliver)]) { _ in .end }
                graph.end(after: .deliver)
            }
        }
        #expect(throws: WorkflowError.undeclaredNode("check")) {
            try DraftGraph("g", start: .write) { graph in
                graph.node(.write) { _, _, _ in }
                graph.edge(from: .write, to: .check)
            }
        }
        #expect(throws: WorkflowError.declaredTwice("write")) {
            try DraftGraph("g", start: .write) { graph in
                graph.node(.write) { _, _, _ in }
                graph.node(.write) { _, _, _ in }
            }
        }
    }

    @Test func drawsItself() throws {
        #expect(
            try draftGraph().mermaid == """
                flowchart TD
                    start([start]) --> write
                    write["write<br/>at most 2 times"]
                    write --> check
                    check["check<br/>at most 2 times"]
                    check -->|"findings"| write
                    check -->|"approved"| deliver
                    deliver["deliver"]
                    deliver --> finish([end])

                """)
    }
}

enum Single: String, CaseIterable {
    case only
}
