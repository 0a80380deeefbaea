public import Foundation

/// A reader of text or bytes from outside, as a function that must return whatever it is given.
///
/// The same targets are run by the tests, for seconds, and by libFuzzer, for as long as one likes (`make fuzz`).
public struct FuzzTarget: Sendable, CustomStringConvertible {
    public let name: String
    private let body: @Sendable ([UInt8]) -> Void

    init(_ name: String, _ body: @escaping @Sendable ([UInt8]) -> Void) {
        self.name = name
        self.body = body
    }

    public func callAsFunction(_ input: [UInt8]) { body(input) }

    /// As `precondition`, but says why in optimised builds, too.
    static func require(_ condition: Bool, _ reason: @autoclosure () -> String) {
        if !condition { fatalError(reason()) }
    }

    public var description: String { name }

    /// The inputs that it starts from.
    public func seeds() throws -> [[UInt8]] {
        let folder = Self.seedFolder.appending(path: name)
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return try files.sorted { $0.path < $1.path }.map { Array(try Data(contentsOf: $0)) }
    }

    /// `Tests/FuzzTargets/Seeds`, read in place.
    public static let seedFolder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Seeds")

    public static let all = [
        http, taskRequest, toolArguments, edit, diff, patch, testReport, gitURL, safetensors, pickle, tokenizer, replay,
        kubeconfig,
    ]
}
