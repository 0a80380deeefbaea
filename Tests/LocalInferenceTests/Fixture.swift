import Foundation
import Testing

@testable import LocalInference

/// A small model of `Fixtures`, and what Transformers answers with it.
struct Fixture: CustomTestStringConvertible, Sendable {
    static let all = ["codegen", "codegen-bin", "starcoder2", "llama", "llama-biased", "qwen2"].map(Fixture.init)

    let name: String
    var testDescription: String { name }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
    var directory: URL { Self.folder.appending(path: name) }

    /// `reference.json`
    struct Reference: Decodable {
        var prompt: [Int]
        var greedy: [Int]
        var penalized: [Int]
        var sampling: Sampling

        struct Sampling: Decodable {
            var temperature: Float
            var topK: Int
            var topP: Float
            var repetitionPenalty: Float
            var tokens: [Int]
            var probabilities: [Float]
        }
    }

    func reference() throws -> Reference {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Reference.self, from: Data(contentsOf: directory.appending(path: "reference.json")))
    }

    /// The logits after each token of the prompt.
    func logits() throws -> [[Float]] {
        let data = try Data(contentsOf: directory.appending(path: "logits.f32"))
        let values = data.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map {
                Float(bitPattern: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self))
            }
        }
        let width = values.count / (try reference().prompt.count)
        return stride(from: 0, to: values.count, by: width).map { Array(values[$0..<$0 + width]) }
    }

    /// The bare computation, without a cache on disk.
    func transformer(_ quantization: Quantization = .fp32, threads: Int = 2) throws -> Transformer {
        let configuration = try ModelConfiguration(directory: directory)
        let team = try WorkerTeam(threads: threads)
        let plan = WeightPlan(configuration, quantization)
        let weights = try PackedWeights(packing: plan, from: Checkpoint(directory: directory), team: team)
        return Transformer(configuration, weights, quantization, team: team)
    }

    /// The model as programs load it.
    func model(
        _ quantization: Quantization = .fp32, cache: URL, threads: Int = 2
    ) async throws -> LocalModel {
        try await LocalModel(
            directory: directory,
            options: LocalModel.Options(
                quantization: quantization, threads: threads, cache: WeightCache(directory: cache)))
    }
}

extension Transformer {
    /// The logits after each token of a sequence, read in pieces of the given sizes.
    func logits(of tokens: [Int], pieces: [Int]) throws -> [[Float]] {
        let cache = try makeCache(capacity: tokens.count)
        var position = 0
        return pieces.flatMap { count in
            let part = Array(tokens[position..<position + count])
            let segment = Segment(cache: cache, tokens: part, position: position, logitRows: count)
            position += count
            let logits = forward([segment])
            return (0..<count).map { Array(logits.row($0)) }
        }
    }
}

/// A folder that is removed at the end of a test.
func withTemporaryFolder<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "local-inference-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder)
}
