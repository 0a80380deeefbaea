import Foundation
import LocalInference
import Testing

/// Checkpoints hold the numbers that the libraries put there.
struct CheckpointTests {
    struct Expected: Decodable {
        var shape: [Int]
        var values: [Float]
    }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/Checkpoints")

    @Test(arguments: ["safetensors", "pytorch", "safetensors-sharded", "pytorch-sharded"])
    func tensorsAreTheReferences(name: String) throws {
        let json = try Data(contentsOf: Self.folder.appending(path: "expected.json"))
        let expected = try #require(try JSONDecoder().decode([String: [String: Expected]].self, from: json)[name])
        let checkpoint = try Checkpoint(directory: Self.folder.appending(path: name))
        #expect(checkpoint.names == expected.keys.sorted())
        for (name, expected) in expected {
            let tensor = try checkpoint.tensor(name)
            #expect(tensor.shape == expected.shape)
            switch name {
            case "mask":
                #expect([ElementType.other("BOOL"), .other("BoolStorage")].contains(tensor.elementType))
                #expect(tensor.bytes.map(Float.init) == expected.values)
            case "ids":
                #expect(tensor.bytes.bindMemory(to: Int64.self).map(Float.init) == expected.values)
            default: #expect(tensor.floats == expected.values, "\(name)")
            }
        }
    }

    @Test func aTensorMayBeReadAgainAfterItsMemoryWasReleased() throws {
        let checkpoint = try Checkpoint(directory: Self.folder.appending(path: "safetensors"))
        let tensor = try checkpoint.tensor("single")
        let before = tensor.floats
        checkpoint.release(tensor)
        #expect(tensor.floats == before)
    }

    @Test func aTensorKeepsItsFileMapped() throws {
        let tensor = try Checkpoint(directory: Self.folder.appending(path: "pytorch")).tensor("scalar")
        #expect(tensor.floats == [3.5])
    }

    @Test func aTensorThatIsNotThereIsNamed() throws {
        let checkpoint = try Checkpoint(directory: Self.folder.appending(path: "safetensors"))
        let error = #expect(throws: CheckpointError.self) { try checkpoint.tensor("lm_head.weight") }
        #expect(error?.description.contains("lm_head.weight") == true)
        #expect(!checkpoint.contains("lm_head.weight"))
    }

    @Test func theFormatBeforeZipIsRefusedWithAdvice() throws {
        let error = #expect(throws: CheckpointError.self) {
            try Checkpoint(directory: Self.folder.appending(path: "pytorch-old"))
        }
        #expect(error?.description.contains("save it again") == true)
    }

    @Test func safetensorsGoBeforePyTorch() throws {
        try withFolder { folder in
            let files = [("pytorch", "pytorch_model.bin"), ("safetensors", "model.safetensors")]
            for (source, name) in files {
                try FileManager.default.copyItem(
                    at: Self.folder.appending(path: source + "/" + name), to: folder.appending(path: name))
            }
            #expect(try !Checkpoint(directory: folder).contains("tied"))
        }
    }

    @Test func aFileThatIsMissingIsNamed() throws {
        try withFolder { folder in
            let none = #expect(throws: CheckpointError.self) { try Checkpoint(directory: folder) }
            #expect(none?.description.contains("model.safetensors, ") == true)
            let index = Self.folder.appending(path: "safetensors-sharded/model.safetensors.index.json")
            try FileManager.default.copyItem(at: index, to: folder.appending(path: index.lastPathComponent))
            let shard = #expect(throws: CheckpointError.self) { try Checkpoint(directory: folder) }
            #expect(shard?.description.contains("lacks model-00001-of-00002.safetensors") == true)
            let folder = folder.appending(path: "none")
            #expect(throws: CheckpointError.self) { try Checkpoint(directory: folder) }
        }
    }

    @Test(arguments: [
        "../model.safetensors", "/etc/passwd", "a/b.safetensors", "model.bin", "..", "", "x\0.safetensors",
    ])
    func anIndexCannotLeadOutOfItsFolder(name: String) throws {
        try withFolder { folder in
            let source = Self.folder.appending(path: "safetensors/model.safetensors")
            try FileManager.default.copyItem(at: source, to: folder.appending(path: "model.safetensors"))
            let inner = folder.appending(path: "inner")
            try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
            try JSONEncoder().encode(["weight_map": ["a": name]])
                .write(to: inner.appending(path: "model.safetensors.index.json"))
            #expect(throws: CheckpointError.self) { try Checkpoint(directory: inner) }
        }
    }

    @Test func linksIntoTheCacheOfTheHubAreFollowed() throws {
        try withFolder { folder in
            let blob = folder.appending(path: "blob")
            try FileManager.default.copyItem(at: Self.folder.appending(path: "safetensors/model.safetensors"), to: blob)
            let snapshot = folder.appending(path: "snapshot")
            try FileManager.default.createDirectory(at: snapshot, withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(
                atPath: snapshot.appending(path: "model.safetensors").path, withDestinationPath: "../blob")
            #expect(try Checkpoint(directory: snapshot).contains("single"))
        }
    }
}

extension CheckpointTensor {
    /// The numbers, whatever their type.
    var floats: [Float] {
        switch elementType {
        case .float32: bytes.bindMemory(to: Float.self).map { $0 }
        case .float16: bytes.bindMemory(to: UInt16.self).map(Self.half)
        case .bfloat16: bytes.bindMemory(to: UInt16.self).map { Float(bitPattern: UInt32($0) << 16) }
        case .other: []
        }
    }

    /// IEEE 754 binary16, also where the machine has none.
    private static func half(_ bits: UInt16) -> Float {
        let sign: Float = bits >> 15 == 0 ? 1 : -1
        let exponent = Int(bits >> 10 & 31)
        let fraction = Float(bits & 1023) / 1024
        switch exponent {
        case 0: return sign * Float(sign: .plus, exponent: -14, significand: fraction)
        case 31: return fraction == 0 ? sign * .infinity : .nan
        default: return sign * Float(sign: .plus, exponent: exponent - 15, significand: 1 + fraction)
        }
    }
}

/// Makes a folder of the test's own for as long as `body` runs.
func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "swe-agent-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
}
