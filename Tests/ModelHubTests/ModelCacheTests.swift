import Foundation
import ModelHub
import TestSupport
import Testing

/// Finding, listing and removing what is on this machine.
struct ModelCacheTests {
    @Test func aModelIsFoundByItsIdOrItsFolder() async throws {
        try await withHub { hub, folder in
            let cache = ModelCache(directory: folder)
            let missing = #expect(throws: ModelHubError.self) { try cache.directory(of: LoopbackHub.id) }
            #expect(
                missing?.description
                    == "acme/tiny-coder is not on this machine; run swe-agent model pull acme/tiny-coder")
            let pulled = try await pull(hub, folder, revision: "v1/x")
            #expect(throws: ModelHubError.self) { try cache.directory(of: LoopbackHub.id) }
            let revision = try ModelRevision("v1/x")
            #expect(try cache.directory(of: LoopbackHub.id, revision: revision).path == pulled.path)
            #expect(try cache.directory(of: LoopbackHub.id, revision: ModelRevision(pulled.commit)).path == pulled.path)
            #expect(try cache.directory(of: pulled.path).path == pulled.path)
            #expect(throws: ModelHubError.self) { try cache.directory(of: "./nowhere") }
            #expect(throws: ModelHubError.self) { try cache.directory(of: pulled.path + "/config.json") }
        }
    }

    @Test func offlineTheCacheIsAllThereIs() async throws {
        try await withHub { hub, cache in
            let error = await #expect(throws: ModelHubError.self) { try await pull(hub, cache, offline: true) }
            #expect(error?.description.contains("HF_HUB_OFFLINE") == true)
            let pulled = try await pull(hub, cache)
            await hub.forget()
            let offline = try await pull(hub, cache, offline: true)
            #expect(offline.path == pulled.path)
            #expect(await hub.received.isEmpty)
        }
    }

    @Test func modelsAreListedAndRemoved() async throws {
        try await withHub { hub, folder in
            let cache = ModelCache(directory: folder)
            #expect(cache.entries().isEmpty)
            _ = try await pull(hub, folder)
            let entry = try #require(cache.entries().first)
            #expect(entry.id == PullTests.id)
            #expect(entry.revisions == ["main"])
            #expect(entry.isComplete)
            #expect(entry.size > 0)
            try cache.remove(PullTests.id)
            #expect(cache.entries().isEmpty)
            #expect(
                try FileManager.default.subpathsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".locks") } == [])
            #expect(throws: ModelHubError.self) { try cache.remove(PullTests.id) }
        }
    }

    @Test func aModelThatIsBeingPulledIsNotRemoved() async throws {
        try await withHub { hub, folder in
            let (stream, gate) = AsyncStream.makeStream(of: Never.self)
            await hub.hold(until: stream)
            let (planned, continuation) = AsyncStream.makeStream(of: Void.self)
            async let pulled = pull(hub, folder) { event in
                if case .finished(file: "tokenizer.json", _) = event { continuation.yield() }
            }
            for await _ in planned { break }
            // The lock of the weights is taken right after; wait until it is.
            let locks = folder + "/.locks/models--acme--tiny-coder"
            while try FileManager.default.contentsOfDirectory(atPath: locks).count < 3 { await Task.yield() }
            let error = #expect(throws: ModelHubError.self) { try ModelCache(directory: folder).remove(PullTests.id) }
            #expect(error?.description.contains("being pulled") == true)
            gate.finish()
            _ = try await pulled
        }
    }
}
