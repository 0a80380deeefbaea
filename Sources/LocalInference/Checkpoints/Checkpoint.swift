public import Foundation

/// All tensors of a model's directory, mapped from its files.
///
/// `@unchecked Sendable`: nothing changes after `init`, and the mapped files are read-only.
public final class Checkpoint: @unchecked Sendable {
    /// The names of all tensors, sorted.
    public let names: [String]
    private let tensors: [String: StoredTensor]

    /// Opens the weights of a directory and checks their headers; the numbers themselves are read when they are used.
    ///
    /// Looks for `model.safetensors`, its sharded form, `pytorch_model.bin` and its sharded form, in this order.
    ///
    /// - Throws: ``CheckpointError``.
    public init(directory: URL) throws(CheckpointError) {
        var tensors: [String: StoredTensor] = [:]
        for path in try CheckpointFiles.paths(in: directory.path) {
            let file = try MappedFile(path: path)
            let stored = try path.hasSuffix(".safetensors") ? SafetensorsFile(file).tensors : PyTorchFile(file).tensors
            for tensor in stored where tensors.updateValue(tensor, forKey: tensor.name) != nil {
                throw CheckpointError("\(path) has the tensor \(tensor.name.quoted), which another file has too")
            }
        }
        self.tensors = tensors
        names = tensors.keys.sorted()
    }

    /// Whether there is a tensor of this name.
    public func contains(_ name: String) -> Bool {
        tensors[name] != nil
    }

    /// - Throws: ``CheckpointError`` where there is none of this name.
    public func tensor(_ name: String) throws(CheckpointError) -> CheckpointTensor {
        guard let tensor = tensors[name] else {
            throw CheckpointError("the checkpoint has no tensor named \(name.quoted); is it of another architecture?")
        }
        return tensor.tensor()
    }

    /// Lets go of the memory that a tensor's part of the file takes; it is read again when it is used again.
    ///
    /// For a loader that packs the weights: what it has packed need not stay resident.
    public func release(_ tensor: CheckpointTensor) {
        tensors[tensor.name]?.file.release(tensor.bytes)
    }
}
