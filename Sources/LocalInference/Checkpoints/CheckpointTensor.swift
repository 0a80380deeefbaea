/// How a checkpoint file stores one number of a tensor.
public enum ElementType: Sendable, Hashable {
    case float32, float16, bfloat16
    /// Read over, never computed with: CodeGen's files hold causal masks as booleans or bytes.
    case other(String)
}

/// One tensor of a checkpoint, row-major, where the file is mapped.
///
/// `@unchecked Sendable`: the bytes are mapped read-only for as long as `file` lives, and a tensor keeps it alive.
public struct CheckpointTensor: @unchecked Sendable {
    public let name: String
    public let elementType: ElementType
    /// Outermost dimension first.
    public let shape: [Int]
    /// The numbers, little-endian, at an address that their size divides; valid while this tensor is held.
    public let bytes: UnsafeRawBufferPointer
    /// What keeps `bytes` mapped.
    let file: AnyObject

    init(name: String, elementType: ElementType, shape: [Int], bytes: UnsafeRawBufferPointer, file: AnyObject) {
        self.name = name
        self.elementType = elementType
        self.shape = shape
        self.bytes = bytes
        self.file = file
    }
}
