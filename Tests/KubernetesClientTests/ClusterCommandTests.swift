import ClusterTestSupport
import Foundation
import KubernetesClient
import NIOCore
import TestSupport
import Testing

/// Commands in pods: much output, bytes that are no text, much input, and connections that break.
@Suite(.enabled(if: TestCluster.isPossible, "bubblewrap, nsenter and openssl are there"))
struct ClusterCommandTests {
    private static func use(
        _ body: @escaping @Sendable (TestCluster, KubernetesClient) async throws -> Void
    ) async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                try await ClusterRequestTests.makeReadyPod("a", client)
                try await body(cluster, client)
            }
        }
    }

    /// Megabytes, of which the long rounds have more.
    private static func mebibytes(_ full: Int, seconds: Int) -> Int {
        (FaultRounds.current == .seconds ? seconds : full) << 20
    }

    /// Counts what comes, and compares it with a block that repeats.
    private actor Sink {
        /// Twice, so that any piece of it is in one place.
        private let blocks: [UInt8]
        private(set) var count = 0
        private(set) var isRight = true
        private(set) var errors: [UInt8] = []

        init(repeating block: [UInt8]) { blocks = block + block }

        func take(_ output: ExecSession.Output) {
            switch output {
            case .error(let bytes): errors += bytes.readableBytesView
            case .standard(let bytes):
                bytes.withUnsafeReadableBytes { bytes in
                    var rest = bytes[...]
                    while !rest.isEmpty {
                        let start = count % (blocks.count / 2)
                        let part = rest.prefix(blocks.count / 2)
                        blocks.withUnsafeBytes {
                            let expected = UnsafeRawBufferPointer(rebasing: $0[start..<(start + part.count)])
                            let found = UnsafeRawBufferPointer(rebasing: part)
                            if memcmp(expected.baseAddress!, found.baseAddress!, part.count) != 0 { isRight = false }
                        }
                        count += part.count
                        rest = rest.dropFirst(part.count)
                    }
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(4))) func muchOutputComesWholeAndInOrder() async throws {
        try await Self.use { _, client in
            let size = Self.mebibytes(200, seconds: 20)
            // A line is 64 bytes, so that what is missing or twice shows.
            let line = Array(String(repeating: "0123456789abcdef", count: 4).dropLast().utf8) + [UInt8(ascii: "\n")]
            let sink = Sink(repeating: line)
            let script =
                "yes '\(String(decoding: line.dropLast(), as: UTF8.self))' | head -c \(size); echo end >&2; exit 7"
            let outcome = try await client.exec("a", container: "main", ["sh", "-c", script]) { session in
                try await session.receive { await sink.take($0) }
            }
            #expect(outcome == .exited(7))
            #expect(await sink.count == size)
            #expect(await sink.isRight)
            #expect(await sink.errors == Array("end\n".utf8))
        }
    }

    @Test(.timeLimit(.minutes(4))) func bytesOfAnyKindGoInAndOut() async throws {
        try await Self.use { _, client in
            let size = Self.mebibytes(64, seconds: 8)
            var generator = SeededGenerator(seed: 1)
            let block = (0..<(64 << 10)).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            let sink = Sink(repeating: block)
            let outcome = try await client.exec("a", container: "main", ["cat"], hasInput: true) { session in
                async let written: Void = {
                    for _ in 0..<(size / block.count) { try await session.write(block) }
                    try await session.closeInput()
                }()
                let outcome = try await session.receive { await sink.take($0) }
                try await written
                return outcome
            }
            #expect(outcome == .exited(0))
            #expect(await sink.count == size)
            #expect(await sink.isRight)
        }
    }

    @Test func aConnectionThatBreaksIsNoEndOfTheCommand() async throws {
        try await Self.use { cluster, client in
            await cluster.faults.cutExec(containing: "the-first", afterBytes: 100_000)
            let command = ["sh", "-c", ": the-first; head -c 1000000 /dev/zero"]
            let error = await #expect(throws: KubernetesError.self) {
                try await client.exec("a", container: "main", command) { try await $0.receive { _ in } }
            }
            #expect(error?.isConnectionLost == true)
            let outcome = try await client.exec("a", container: "main", command) { try await $0.receive { _ in } }
            #expect(outcome == .exited(0))
        }
    }

    @Test func aCommandThatCannotBeRunIsSaid() async throws {
        try await Self.use { cluster, client in
            let outcome = try await client.exec("a", container: "main", ["/no/such/program"]) { session in
                try await session.receive { _ in }
            }
            #expect(outcome != .exited(0))
            let error = await #expect(throws: KubernetesError.self) {
                try await client.exec("a", container: "other", ["true"]) { _ in }
            }
            #expect(error?.reason == "ContainerNotFound")
        }
    }
}
