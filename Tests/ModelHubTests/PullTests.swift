import Foundation
import ModelHub
import TestSupport
import Testing

/// Pulling from a hub on loopback into a cache of the test's own.
struct PullTests {
    static let id = try! ModelID(LoopbackHub.id)
    /// Three parts and a rest.
    static let large = 50_000_000

    @Test func onlyTheFilesThatAreNeededComeAndLieAsPythonLaysThem() async throws {
        try await withHub { hub, cache in
            let pulled = try await pull(hub, cache)
            #expect(pulled.received > 0)
            let commit = await hub.commit
            let root = cache + "/models--acme--tiny-coder"
            #expect(try String(contentsOfFile: root + "/refs/main", encoding: .utf8) == commit)
            #expect(pulled.path == root + "/snapshots/" + commit)
            let names = try FileManager.default.contentsOfDirectory(atPath: pulled.path)
            #expect(Set(names) == ["config.json", "tokenizer.json", "model.safetensors"])
            for name in names {
                let data = try #require(hub.files[name])
                let etag = LoopbackHub.etag(data, isLarge: name == "model.safetensors")
                let link = try FileManager.default.destinationOfSymbolicLink(atPath: pulled.path + "/" + name)
                #expect(link == "../../blobs/" + etag)
                #expect(FileManager.default.contents(atPath: pulled.path + "/" + name) == data)
            }
            // Nothing is left of the download itself.
            #expect(try FileManager.default.contentsOfDirectory(atPath: root + "/blobs").count == names.count)
            #expect(ModelCache(directory: cache).entries().map(\.isComplete) == [true])
        }
    }

    @Test func whatIsThereIsNotFetchedAgain() async throws {
        try await withHub { hub, cache in
            _ = try await pull(hub, cache)
            await hub.forget()
            let again = try await pull(hub, cache)
            #expect(again.received == 0)
            #expect(await hub.received.map(\.path) == ["/api/models/acme/tiny-coder/revision/main"])

            // A new commit with the same contents needs no contents.
            await hub.change { $0.commit = String(repeating: "b", count: 40) }
            let next = try await pull(hub, cache)
            #expect(next.received == 0)
            #expect(next.path.hasSuffix(String(repeating: "b", count: 40)))
            #expect(FileManager.default.contents(atPath: next.path + "/config.json") == hub.files["config.json"])
        }
    }

    @Test func aLargeFileComesInPartsFromTheSecondHostWithoutTheToken() async throws {
        try await withHub(LoopbackHub.model(weights: Self.large)) { hub, cache in
            await hub.change { $0.token = "hf_secret" }
            let pulled = try await pull(hub, cache, token: "hf_secret")
            #expect(
                FileManager.default.contents(atPath: pulled.path + "/model.safetensors")
                    == hub.files["model.safetensors"])
            let away = await hub.received.filter(\.isAway)
            #expect(Set(away.compactMap(\.range)).count == 3)
            #expect(away.allSatisfy { $0.authorization == nil })
            #expect(await hub.received.filter { !$0.isAway }.allSatisfy { $0.authorization == "Bearer hf_secret" })
        }
    }

    @Test func aConnectionThatIsCutGoesOnWhereItWas() async throws {
        try await withHub(LoopbackHub.model(weights: Self.large)) { hub, cache in
            await hub.change { $0.cut = (3_000_000, 6) }
            let pulled = try await pull(hub, cache)
            #expect(
                FileManager.default.contents(atPath: pulled.path + "/model.safetensors")
                    == hub.files["model.safetensors"])
            // No byte of the weights came twice.
            let small = ["config.json", "tokenizer.json"].compactMap { hub.files[$0]?.count }.reduce(0, +)
            #expect(pulled.received == Self.large + small)
        }
    }

    @Test func aPullThatFailedGoesOnWhereItWas() async throws {
        try await withHub(LoopbackHub.model(weights: Self.large)) { hub, cache in
            await hub.change { $0.cut = (0, .max) }
            await #expect(throws: ModelHubError.self) { try await pull(hub, cache) }
            #expect(throws: ModelHubError.self) { try ModelCache(directory: cache).directory(of: LoopbackHub.id) }
            await hub.change { $0.cut = nil }
            let pulled = try await pull(hub, cache)
            #expect(pulled.received == Self.large)
            await hub.forget()

            // Take the finished file away and leave what a crash would: a partial file with one part finished,
            // and another begun.
            let data = try #require(hub.files["model.safetensors"])
            let blob = cache + "/models--acme--tiny-coder/blobs/" + LoopbackHub.etag(data, isLarge: true)
            try FileManager.default.removeItem(atPath: blob)
            var partial = data
            partial.replaceSubrange(20_000_000..., with: Data(count: data.count - 20_000_000))
            try partial.write(to: URL(filePath: blob + ".partial"))
            try Data("\(data.count) 16777216\n18000000\n16777216\n20000000\n999999999\nx\n".utf8).write(
                to: URL(filePath: blob + ".partial.parts"))
            let resumed = try await pull(hub, cache)
            #expect(resumed.received == data.count - 20_000_000)
            let ranges = Set(await hub.received.filter(\.isAway).compactMap(\.range))
            #expect(ranges == ["bytes=20000000-33554431", "bytes=33554432-49999999"])
            #expect(FileManager.default.contents(atPath: blob) == data)
        }
    }

    @Test func aServerWithoutRangesIsReadFromTheBeginning() async throws {
        try await withHub(LoopbackHub.model(weights: Self.large)) { hub, cache in
            await hub.change { $0.knowsRanges = false }
            let pulled = try await pull(hub, cache)
            #expect(
                FileManager.default.contents(atPath: pulled.path + "/model.safetensors")
                    == hub.files["model.safetensors"])
        }
    }

    @Test(arguments: ["model.safetensors", "config.json"])
    func aFileThatIsNotWhatItShouldBeIsNotTaken(name: String) async throws {
        try await withHub { hub, cache in
            await hub.change { $0.flawed = [name] }
            let error = await #expect(throws: ModelHubError.self) { try await pull(hub, cache) }
            #expect(error?.description.contains(name) == true)
            #expect(error?.description.contains("checksum") == true)
            await hub.change { $0.flawed = [] }
            let pulled = try await pull(hub, cache)
            #expect(FileManager.default.contents(atPath: pulled.path + "/" + name) == hub.files[name])
        }
    }

    @Test func twoPullsAtOnceFetchEachFileOnce() async throws {
        try await withHub(LoopbackHub.model(weights: Self.large)) { hub, cache in
            let (stream, gate) = AsyncStream.makeStream(of: Never.self)
            await hub.hold(until: stream)
            let waiting = Events { if case .waiting(file: "model.safetensors") = $0 { gate.finish() } }
            async let first = pull(hub, cache, onEvent: waiting.add)
            async let second = pull(hub, cache, onEvent: waiting.add)
            let pulled = try await [first, second]
            #expect(
                FileManager.default.contents(atPath: pulled[0].path + "/model.safetensors")
                    == hub.files["model.safetensors"])
            #expect(pulled.map(\.received).reduce(0, +) < 2 * Self.large)
            #expect(await hub.received.filter { $0.isAway && $0.method == "GET" }.count == 3)
        }
    }

    @Test func shardsAreFetchedAsTheirIndexNamesThem() async throws {
        var files = LoopbackHub.model()
        files["model.safetensors"] = nil
        files["model-00001-of-00002.safetensors"] = LoopbackHub.bytes(10, seed: 4)
        files["model-00002-of-00002.safetensors"] = LoopbackHub.bytes(20, seed: 5)
        files["model.safetensors.index.json"] = Data(
            #"{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}"#.utf8)
        try await withHub(files) { hub, cache in
            let pulled = try await pull(hub, cache)
            let names = Set(try FileManager.default.contentsOfDirectory(atPath: pulled.path))
            #expect(names.isSuperset(of: hub.files.keys.filter { $0.hasPrefix("model") }))
            #expect(!names.contains("pytorch_model.bin"))
            try FileManager.default.removeItem(atPath: pulled.path + "/model-00002-of-00002.safetensors")
            let error = #expect(throws: ModelHubError.self) {
                try ModelCache(directory: cache).directory(of: LoopbackHub.id)
            }
            #expect(error?.description.contains("model-00002-of-00002.safetensors") == true)
        }
    }

    @Test func pytorchIsTakenWhereThereIsNothingBetter() async throws {
        var files = LoopbackHub.model()
        files["model.safetensors"] = nil
        try await withHub(files) { hub, cache in
            let pulled = try await pull(hub, cache)
            #expect(FileManager.default.fileExists(atPath: pulled.path + "/pytorch_model.bin"))
        }
    }

    private final class Events: Sendable {
        private let onEvent: @Sendable (ModelHub.Event) -> Void

        init(_ onEvent: @escaping @Sendable (ModelHub.Event) -> Void = { _ in }) { self.onEvent = onEvent }

        var add: @Sendable (ModelHub.Event) -> Void { onEvent }
    }
}
