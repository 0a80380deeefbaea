import Foundation
import Testing

@testable import LocalInference

/// Weights that are packed once and mapped from then on.
@Suite struct WeightCacheTests {
    private static let fixture = Fixture(name: "codegen")

    private func file(in folder: URL) throws -> URL {
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        #expect(files.count == 1)
        return try #require(files.first)
    }

    /// What the model says, which shows whether its weights are right.
    private func answer(in folder: URL) async throws -> [Int] {
        let model = try await Self.fixture.model(.int8, cache: folder)
        let options = GenerationOptions(sampling: .greedy, maxNewTokens: 12, ignoresEndTokens: true)
        return try await model.generate(tokens: [1, 2, 3], options: options).completions()[0].tokens
    }

    private func number(of file: URL) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: file.path)[.systemFileNumber] as? Int)
    }

    @Test func theSecondLoadMapsWhatTheFirstPacked() async throws {
        try await withTemporaryFolder { folder in
            let first = try await answer(in: folder)
            let packed = try file(in: folder)
            let number = try number(of: packed)
            #expect(try await answer(in: folder) == first)
            #expect(try self.number(of: file(in: folder)) == number)
            let mode = try FileManager.default.attributesOfItem(atPath: packed.path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
    }

    @Test(arguments: ["magic", "fingerprint", "weights", "last byte", "short", "long", "empty", "text"])
    func aDamagedFileIsPackedAnew(_ damage: String) async throws {
        try await withTemporaryFolder { folder in
            let expected = try await answer(in: folder)
            let packed = try file(in: folder)
            let good = try Data(contentsOf: packed)
            var data = good
            switch damage {
            case "magic": data[0] ^= 1
            case "fingerprint": data[9] ^= 1
            case "weights": data[4096 + 5000] ^= 0x40
            case "last byte": data[data.count - 1] ^= 1
            case "short": data.removeLast(64)
            case "long": data.append(0)
            case "empty": data = Data()
            default: data = Data("not weights at all".utf8)
            }
            try data.write(to: packed)
            #expect(try await answer(in: folder) == expected)
            #expect(try Data(contentsOf: file(in: folder)) == good)
        }
    }

    @Test func otherWeightsArePackedAnew() async throws {
        try await withTemporaryFolder { folder in
            let copy = folder.appending(path: "model")
            let cache = folder.appending(path: "cache")
            try FileManager.default.copyItem(at: Self.fixture.directory, to: copy)
            func load() async throws -> LocalModel {
                try await LocalModel(
                    directory: copy,
                    options: LocalModel.Options(quantization: .bf16, cache: WeightCache(directory: cache)))
            }
            _ = try await load()
            let before = try number(of: file(in: cache))
            let weights = copy.appending(path: "model.safetensors")
            let later = Date(timeIntervalSinceNow: 60)
            try FileManager.default.setAttributes([.modificationDate: later], ofItemAtPath: weights.path)
            _ = try await load()
            #expect(try number(of: file(in: cache)) != before)
            WeightCache(directory: cache).remove(modelAt: copy)
            #expect(try FileManager.default.contentsOfDirectory(atPath: cache.path).isEmpty)
        }
    }

    @Test func aFolderThatCannotBeWrittenIsNoObstacle() async throws {
        try await withTemporaryFolder { folder in
            let expected = try await answer(in: folder)
            // A file where the folder should be.
            let blocked = folder.appending(path: "blocked")
            try Data().write(to: blocked)
            #expect(try await answer(in: blocked.appending(path: "cache")) == expected)
        }
    }

    @Test func loadsAtTheSameTimeDoNotHarmEachOther() async throws {
        try await withTemporaryFolder { folder in
            let answers = try await withThrowingTaskGroup(of: [Int].self) { group in
                for _ in 0..<6 { group.addTask { try await answer(in: folder) } }
                return try await group.reduce(into: [[Int]]()) { $0.append($1) }
            }
            #expect(Set(answers).count == 1)
            // No temporary file is left.
            _ = try file(in: folder)
        }
    }

    @Test func aModelLargerThanMemorySaysSoBeforeLoading() async throws {
        try await withTemporaryFolder { folder in
            let cache = folder.appending(path: "cache")
            func load(limit: Int, _ quantization: Quantization) async throws {
                _ = try await LocalModel(
                    directory: Self.fixture.directory,
                    options: LocalModel.Options(
                        quantization: quantization, cache: WeightCache(directory: cache), memoryLimit: limit))
            }
            let error = await #expect(throws: LocalModelError.self) { try await load(limit: 1 << 20, .int8) }
            #expect(error?.description.contains("choose a smaller model") == true)
            #expect(!FileManager.default.fileExists(atPath: cache.path))
            let enough = Transformer.workingMemory + 350_000
            let advice = await #expect(throws: LocalModelError.self) { try await load(limit: enough, .fp32) }
            #expect(advice?.description.contains("bf16") == true)
        }
    }

    @Test func moreThanMemoryIsRefusedBeforeGenerating() async throws {
        let transformer = try Self.fixture.transformer()
        #expect(throws: GenerationError.self) { try transformer.checkMemory(forCaches: 64, tokens: 1 << 40) }
        #expect(throws: GenerationError.self) { try transformer.checkMemory(forCaches: 64, tokens: 1 << 62) }
        #expect(throws: Never.self) { try transformer.checkMemory(forCaches: 1, tokens: 100) }
    }

    @Test func theSystemSaysHowMuchMemoryIsAvailable() throws {
        let bytes = try #require(AvailableMemory.bytes())
        #expect(bytes > 1 << 20 && bytes < 1 << 50)
    }
}
