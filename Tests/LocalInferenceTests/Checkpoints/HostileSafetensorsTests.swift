import Foundation
import LocalInference
import Testing

/// Files that lie give one error that names them, and nothing else happens.
struct HostileSafetensorsTests {
    /// A file of a header and so many bytes of data.
    private static func file(_ header: String, length: UInt64? = nil, data: Int = 64) -> Data {
        let length = length ?? UInt64(header.utf8.count)
        return withUnsafeBytes(of: length.littleEndian) { Data($0) } + Data(header.utf8) + Data(count: data)
    }

    private static func tensor(_ name: String, _ type: String, _ shape: String, _ start: String, _ end: String)
        -> String
    {
        #""\#(name)":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":[\#(start),\#(end)]}"#
    }

    static let hostile: [(String, Data)] = [
        ("shorter than its header", Data()),
        ("shorter than its header", Data([1, 2, 3])),
        ("shorter than its header", file("{}", length: 1000)),
        ("would be", file("{}", length: .max)),
        ("would be", file("{}", length: 1 << 62)),
        ("JSON", file("")),
        ("JSON", file("[]")),
        ("JSON", file("{\"a\":")),
        ("JSON", file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} x"#)),
        ("nested", file(String(repeating: #"{"__metadata__":"#, count: 5000))),
        ("nested", file(#"{"__metadata__":"# + String(repeating: "[", count: 100_000))),
        ("twice", file("{" + tensor("a", "F32", "[1]", "0", "4") + "," + tensor("a", "F32", "[1]", "4", "8") + "}")),
        ("twice", file(#"{"a":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}}"#)),
        (
            "overlaps",
            file("{" + tensor("a", "F32", "[2]", "0", "8") + "," + tensor("b", "F32", "[2]", "4", "12") + "}")
        ),
        ("outside", file("{" + tensor("a", "F32", "[100]", "0", "400") + "}")),
        ("outside", file("{" + tensor("a", "F32", "[1]", "9223372036854775803", "9223372036854775807") + "}")),
        ("outside", file("{" + tensor("a", "F32", "[1]", "8", "4") + "}")),
        ("negative", file("{" + tensor("a", "F32", "[1]", "-4", "0") + "}")),
        ("negative", file("{" + tensor("a", "F32", "[-1]", "0", "4") + "}")),
        ("whole number", file("{" + tensor("a", "F32", "[1.5]", "0", "4") + "}")),
        ("whole number", file("{" + tensor("a", "F32", "[1]", "0", "99999999999999999999") + "}")),
        ("size", file("{" + tensor("a", "F32", "[2]", "0", "4") + "}")),
        ("size", file("{" + tensor("a", "F32", "[4611686018427387904,4]", "0", "0") + "}")),
        ("size", file("{" + tensor("a", "F32", "[9223372036854775807,9223372036854775807]", "0", "4") + "}")),
        (
            "dimensions",
            file(
                "{" + tensor("a", "F32", "[" + Array(repeating: "1", count: 40).joined(separator: ",") + "]", "0", "4")
                    + "}")
        ),
        ("dtype", file("{" + tensor("a", "F31", "[1]", "0", "4") + "}")),
        ("lacks", file(#"{"a":{"dtype":"F32","shape":[1]}}"#)),
        ("unknown", file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}}"#)),
        ("half a character", file(#"{"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#)),
    ]

    @Test(arguments: hostile) func isRefusedInOneLine(word: String, file: Data) throws {
        try withFolder { folder in
            try file.write(to: folder.appending(path: "model.safetensors"))
            let error = try #require(throws: CheckpointError.self) { try Checkpoint(directory: folder) }
            #expect(error.description.contains(word))
            #expect(error.description.contains("model.safetensors"))
            #expect(error.description.split(whereSeparator: \.isNewline).count == 1)
        }
    }

    @Test func aTensorAtAnOddPlaceIsReadableAllTheSame() throws {
        try withFolder { folder in
            var file = Self.file("{" + Self.tensor("a", "F32", "[1]", "0", "4") + "}", data: 0)
            try #require(file.count % 4 != 0)
            file.append(withUnsafeBytes(of: Float(2.5)) { Data($0) })
            try file.write(to: folder.appending(path: "model.safetensors"))
            let tensor = try Checkpoint(directory: folder).tensor("a")
            #expect(tensor.floats == [2.5])
        }
    }

    @Test func aFolderOrADeviceInTheFilesPlaceIsRefused() throws {
        try withFolder { folder in
            let path = folder.appending(path: "model.safetensors")
            try FileManager.default.createSymbolicLink(atPath: path.path, withDestinationPath: "/dev/zero")
            #expect(throws: CheckpointError.self) { try Checkpoint(directory: folder) }
            try FileManager.default.removeItem(at: path)
            try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
            #expect(throws: CheckpointError.self) { try Checkpoint(directory: folder) }
        }
    }
}
