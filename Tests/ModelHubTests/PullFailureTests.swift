import Foundation
import ModelHub
import TestSupport
import Testing

/// What goes wrong is one sentence that says what to do, and leaves the cache as it was.
struct PullFailureTests {
    private func failure(
        token: String? = nil, id: String = LoopbackHub.id, revision: String = "main",
        _ files: [String: Data] = LoopbackHub.model(),
        _ change: @escaping @Sendable (inout LoopbackHub.Behaviour) -> Void
    ) async throws -> String {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        try await withHub(files) { hub, cache in
            await hub.change(change)
            let error = await #expect(throws: ModelHubError.self) {
                try await pull(hub, cache, id: id, revision: revision, token: token)
            }
            continuation.yield(error?.description ?? "")
            #expect(throws: ModelHubError.self) { try ModelCache(directory: cache).directory(of: LoopbackHub.id) }
            let outside = try FileManager.default.contentsOfDirectory(
                atPath: URL(filePath: cache).deletingLastPathComponent().path())
            #expect(outside.allSatisfy { $0 == "hub" })
        }
        var iterator = stream.makeAsyncIterator()
        let message = await iterator.next() ?? ""
        #expect(!message.contains("\n"))
        #expect(!message.contains("hf_"))
        return message
    }

    @Test func refusalsSayWhatToDo() async throws {
        #expect(try await failure { $0.token = "hf_secret" }.contains("set HF_TOKEN"))
        #expect(try await failure(token: "hf_wrong") { $0.token = "hf_secret" }.contains("check HF_TOKEN"))
        #expect(try await failure(token: "hf_a") { $0.status = 403 }.contains("accept its terms"))
        #expect(try await failure { $0.status = 404 }.contains("check the name"))
        #expect(try await failure(id: "acme/other") { _ in }.contains("has no acme/other (404)"))
        #expect(try await failure { $0.status = 503 }.contains("answered 503"))
        #expect(try await failure { $0.status = 200 }.contains("makes no sense"))
    }

    @Test func aModelWithoutUsableFilesIsRefused() async throws {
        #expect(try await failure { $0.listed = ["README.md"] }.contains("no config.json"))
        #expect(try await failure { $0.listed = ["config.json", "model.gguf"] }.contains("no weights"))
    }

    @Test(arguments: ["../../../../evil", "/etc/passwd", "a/b.safetensors", "..", "model.gguf", "x\n.bin"])
    func anIndexCannotNameAnythingButWeights(name: String) async throws {
        var files = LoopbackHub.model()
        files["model.safetensors"] = nil
        files["model.safetensors.index.json"] = try JSONEncoder().encode(["weight_map": ["a": name]])
        let listed = Array(files.keys) + [name]
        let message = try await failure(files) { $0.listed = listed }
        #expect(message.contains("no file of weights"))
    }

    @Test(arguments: ["../../evil", "a/b", "..", ".", ""]) func anETagCannotLeadOutOfTheCache(etag: String) async throws
    {
        #expect(try await failure { $0.etag = etag }.contains("does not say which version"))
    }

    @Test(arguments: ["../../evil", "main", "0123"]) func aCommitCannotLeadOutOfTheCache(commit: String) async throws {
        #expect(try await failure { $0.commit = commit }.contains("makes no sense"))
    }

    @Test func aRedirectToNoAddressOrWithoutEndIsRefused() async throws {
        #expect(try await failure { $0.location = "ftp://example.com/x" }.contains("redirects to no address"))
        #expect(
            try await failure { $0.location = "/acme/tiny-coder/resolve/x/model.safetensors" }.contains("without end"))
    }

    @Test func aFileThatNoDiskCanHoldIsRefusedBeforeTheDownload() async throws {
        let message = try await failure { $0.statedSize = 1 << 49 }
        #expect(message.contains("needs 563 TB"))
    }

    @Test func aFileOfAnotherSizeIsRefused() async throws {
        #expect(try await failure { $0.statedSize = 999 }.contains("more of model.safetensors"))
        #expect(try await failure { $0.statedSize = 1001 }.contains("came short"))
    }

    @Test(arguments: ["", "a/b/c", "../x", "a//b", "-a/b", "a/b--c", "a/b..c", ".a/b", "a b/c", "ä/b"])
    func whatIsNoIdIsRefused(id: String) {
        #expect(throws: ModelHubError.self) { try ModelID(id) }
    }

    @Test(arguments: ["", "../x", "a b", "/main", "a//b", ".git", "a..b"]) func whatIsNoRevisionIsRefused(text: String)
    {
        #expect(throws: ModelHubError.self) { try ModelRevision(text) }
    }

    @Test func aHubThatIsNotThereIsOneSentence() async throws {
        let settings = HubSettings(endpoint: "http://127.0.0.1:1", cache: "/nonexistent")
        let error = await #expect(throws: ModelHubError.self) {
            try await ModelHub.withHub(settings, retryDelay: .milliseconds(1)) { try await $0.pull(PullTests.id) }
        }
        #expect(error?.description.hasPrefix("cannot reach 127.0.0.1") == true)
    }

    @Test func aTokenDoesNotShowItself() throws {
        let token = try #require(try HubToken(" hf_secret\n"))
        #expect(!"\(token) \(String(reflecting: token))".contains("secret"))
        #expect(try HubToken("<HF_TOKEN>") == nil)
        #expect(try HubToken(" ") == nil)
        #expect(throws: ModelHubError.self) { try HubToken("hf a") }
    }
}
