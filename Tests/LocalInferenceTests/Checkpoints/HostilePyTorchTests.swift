import Foundation
import LocalInference
import Testing

/// A checkpoint of PyTorch's can run nothing, and one that lies gives one error.
struct HostilePyTorchTests {
    /// Instructions of the pickle machine, protocol 2.
    private enum Pickle {
        static let start = Data([0x80, 2])
        static let stop = Data(".".utf8)

        static func text(_ text: String) -> Data {
            Data("X".utf8) + withUnsafeBytes(of: UInt32(text.utf8.count).littleEndian) { Data($0) } + Data(text.utf8)
        }

        static func global(_ module: String, _ name: String) -> Data { Data("c\(module)\n\(name)\n".utf8) }

        /// Eight bytes, two's complement.
        static func number(_ value: Int) -> Data {
            Data([0x8a, 8]) + withUnsafeBytes(of: Int64(value).littleEndian) { Data($0) }
        }

        static func tuple(_ items: [Data]) -> Data { Data("(".utf8) + items.reduce(Data(), +) + Data("t".utf8) }

        static func storage(count: Int, key: String = "0", type: String = "FloatStorage") -> Data {
            tuple([text("storage"), global("torch", type), text(key), text("cpu"), number(count)]) + Data("Q".utf8)
        }

        static func tensor(storage: Data, offset: Int = 0, shape: [Int], strides: [Int]) -> Data {
            global("torch._utils", "_rebuild_tensor_v2")
                + tuple([storage, number(offset), tuple(shape.map(number)), tuple(strides.map(number))])
                + Data("R".utf8)
        }

        static func dictionary(_ items: [(String, Data)]) -> Data {
            start + Data("}(".utf8) + items.map { text($0) + $1 }.reduce(Data(), +) + Data("u.".utf8)
        }
    }

    private static func archive(_ pickle: Data, floats: Int = 4) -> Data {
        var zip = ZipWriter()
        zip.add(.init(name: "archive/data.pkl", data: pickle))
        zip.add(.init(name: "archive/data/0", data: Data(count: floats * 4)))
        return zip.archive()
    }

    private static func tensor(_ shape: [Int], _ strides: [Int], offset: Int = 0, count: Int = 4) -> Data {
        archive(
            Pickle.dictionary([
                (
                    "a",
                    Pickle.tensor(storage: Pickle.storage(count: count), offset: offset, shape: shape, strides: strides)
                )
            ]))
    }

    private static func zip(_ entry: ZipWriter.Entry) -> Data {
        var zip = ZipWriter()
        zip.add(.init(name: "archive/data.pkl", data: Pickle.dictionary([])))
        zip.add(entry)
        return zip.archive()
    }

    static let hostile: [(String, Data)] = [
        // What a pickle would call.
        (
            "os.system",
            archive(
                Pickle.start + Pickle.global("os", "system") + Pickle.tuple([Pickle.text("touch x")]) + Data("R.".utf8))
        ),
        ("posix.system", archive(Pickle.start + Pickle.global("posix", "system") + Pickle.stop)),
        ("builtins.eval", archive(Pickle.start + Pickle.global("builtins", "eval") + Pickle.stop)),
        ("torch.load", archive(Pickle.start + Pickle.global("torch", "load") + Pickle.stop)),
        (
            "_rebuild_tensor_v3",
            archive(Pickle.start + Pickle.global("torch._utils", "_rebuild_tensor_v3") + Pickle.stop)
        ),
        ("instruction 147", archive(Data([0x80, 2, 0x93]) + Pickle.stop)),
        ("instruction 105", archive(Pickle.start + Data("(ios\nsystem\n.".utf8))),
        ("instruction 129", archive(Pickle.start + Data([0x81]) + Pickle.stop)),
        ("protocol 4", archive(Data([0x80, 4]) + Pickle.stop)),
        // What the machine must not fall over.
        ("ends early", archive(Data())),
        ("ends early", archive(Pickle.start)),
        ("ends early", archive(Pickle.start + Data("X\u{7F}\u{7F}\u{7F}\u{7F}a.".utf8))),
        ("no sense", archive(Pickle.start + Data("tR.".utf8))),
        ("no sense", archive(Pickle.start + Data("h\u{01}.".utf8))),
        ("no sense", archive(Pickle.start + Data("(.".utf8))),
        ("no sense", archive(Pickle.start + Data("}Ns.".utf8))),
        ("no dictionary", archive(Pickle.start + Data(")".utf8) + Data(repeating: 0x85, count: 300_000) + Pickle.stop)),
        ("no dictionary", archive(Pickle.start + Data("N.".utf8))),
        ("changes an object", archive(Pickle.start + Data("N}b.".utf8))),
        ("no storage", archive(Pickle.start + Data("NQ.".utf8))),
        ("number of 255 bytes", archive(Pickle.start + Data([0x8a, 255]) + Pickle.stop)),
        ("no tensors", archive(Pickle.dictionary([]))),
        (
            "twice",
            archive(
                Pickle.dictionary(
                    Array(
                        repeating: ("a", Pickle.tensor(storage: Pickle.storage(count: 4), shape: [1], strides: [1])),
                        count: 2)))
        ),
        // Where tensors lie.
        ("outside", tensor([5], [1])),
        ("outside", tensor([2], [4])),
        ("outside", tensor([4], [1], offset: 1)),
        ("outside", tensor([1], [1], offset: .max)),
        ("outside", tensor([1], [1], offset: -1)),
        ("outside", tensor([1 << 40], [0])),
        ("outside", tensor([1 << 40, 1 << 40], [1, 1])),
        ("outside", tensor([2, 2], [.max, .max])),
        ("outside", tensor([5], [1], count: 1 << 60)),
        ("shape", tensor([-1], [1])),
        ("shape", tensor([2], [-1])),
        ("shape", tensor([2], [1, 1])),
        (
            "missing",
            archive(
                Pickle.dictionary([
                    (
                        "a",
                        Pickle.tensor(
                            storage: Pickle.storage(count: 1, key: "../../etc/passwd"), shape: [1], strides: [1])
                    )
                ]))
        ),
        // The archive itself.
        ("no zip archive", Data("hello".utf8)),
        ("end of the archive", Data("PK".utf8)),
        ("end of the archive", archive(Pickle.dictionary([])).dropLast(30)),
        ("compressed", zip(.init(name: "archive/data/0", data: Data(count: 9), method: 8))),
        ("encrypted", zip(.init(name: "archive/data/0", data: Data(count: 9), flags: 1))),
        ("outside the archive", zip(.init(name: "archive/data/0", data: Data(count: 9), statedSize: 1 << 30))),
        ("outside the archive", zip(.init(name: "archive/data/0", data: Data(count: 9), statedOffset: 1 << 30))),
        ("two names", zip(.init(name: "archive/data/0", data: Data(count: 9), localName: "archive/data/1"))),
        ("two files named", zip(.init(name: "archive/data.pkl", data: Data(count: 9)))),
        ("files named data.pkl", zip(.init(name: "other/data.pkl", data: Data(count: 9)))),
        ("big-endian", zip(.init(name: "archive/byteorder", data: Data("big".utf8)))),
        ("directory", ZipWriter().archive(statedCount: 3)),
        ("outside the file", ZipWriter().archive(statedOffset: 1 << 30)),
    ]

    @Test(arguments: hostile) func isRefusedInOneLine(word: String, file: Data) throws {
        try withFolder { folder in
            try file.write(to: folder.appending(path: "pytorch_model.bin"))
            let error = try #require(throws: CheckpointError.self) { try Checkpoint(directory: folder) }
            #expect(error.description.contains(word))
            #expect(error.description.contains("pytorch_model.bin"))
            #expect(error.description.split(whereSeparator: \.isNewline).count == 1)
        }
    }

    @Test func dimensionsOfOneMayHaveAnyStride() throws {
        try withFolder { folder in
            try Self.tensor([1, 2, 1], [.max, 2, .max]).write(to: folder.appending(path: "pytorch_model.bin"))
            #expect(try Checkpoint(directory: folder).tensor("a").floats == [0, 0])
            try Self.tensor([0, .max, .max], [.max, .max, .max]).write(to: folder.appending(path: "pytorch_model.bin"))
            #expect(try Checkpoint(directory: folder).tensor("a").bytes.isEmpty)
        }
    }

    @Test(arguments: [
        "safetensors/model.safetensors", "pytorch/pytorch_model.bin", "pytorch-sharded/pytorch_model.bin.index.json",
    ])
    func aDamagedFileIsAnErrorOrATensor(name: String) throws {
        var generator = SeededGenerator(seed: 11)
        let source = CheckpointTests.folder.appending(path: name)
        let original = try Data(contentsOf: source)
        try withFolder { folder in
            for other in try FileManager.default.contentsOfDirectory(
                at: source.deletingLastPathComponent(), includingPropertiesForKeys: nil)
            {
                try FileManager.default.copyItem(at: other, to: folder.appending(path: other.lastPathComponent))
            }
            for round in 0..<500 {
                var damaged = original
                if round % 4 == 0 {
                    damaged = damaged.prefix(Int.random(in: 0..<original.count, using: &generator))
                } else {
                    // Mostly where the structure is, and not in the numbers.
                    for _ in 0..<Int.random(in: 1...4, using: &generator) {
                        let index = Int.random(in: 0..<original.count, using: &generator)
                        damaged[index] = UInt8.random(in: .min ... .max, using: &generator)
                    }
                }
                try damaged.write(to: folder.appending(path: source.lastPathComponent))
                do {
                    let checkpoint = try Checkpoint(directory: folder)
                    for name in checkpoint.names {
                        let tensor = try checkpoint.tensor(name)
                        // Reading every byte: one outside the mapping would end the process.
                        _ = tensor.bytes.reduce(0 as UInt8, ^)
                    }
                } catch let error as CheckpointError {
                    #expect(!error.description.isEmpty)
                }
            }
        }
    }
}
