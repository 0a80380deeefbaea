internal import Foundation

/// Where a file holds a tensor; the readers have checked that it is inside the file.
struct StoredTensor {
    let name: String
    let elementType: ElementType
    /// Bytes of one element; 1 for elements that are smaller.
    let elementBytes: Int
    let shape: [Int]
    /// Elements from one index to the next in each dimension; `nil` for row-major order without gaps.
    let strides: [Int]?
    /// The first byte, from the start of the file.
    let offset: Int
    /// Bytes of the elements, row-major without gaps.
    let byteCount: Int
    let file: MappedFile

    /// The tensor in row-major order: where the file is mapped, or a copy where the file has it in another order or
    /// at an address that its elements cannot be read from.
    func tensor() -> CheckpointTensor {
        guard byteCount > 0 else {
            return tensor(UnsafeRawBufferPointer(start: nil, count: 0), heldBy: file)
        }
        if strides == nil {
            let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[offset..<offset + byteCount])
            if UInt(bitPattern: bytes.baseAddress) % UInt(elementBytes) == 0 { return tensor(bytes, heldBy: file) }
        }
        let copy = TensorBuffer(byteCount: byteCount)
        copyElements(to: copy.bytes)
        return tensor(UnsafeRawBufferPointer(copy.bytes), heldBy: copy)
    }

    private func tensor(_ bytes: UnsafeRawBufferPointer, heldBy holder: AnyObject) -> CheckpointTensor {
        CheckpointTensor(name: name, elementType: elementType, shape: shape, bytes: bytes, file: holder)
    }

    private func copyElements(to target: UnsafeMutableRawBufferPointer) {
        guard let strides else {
            return target.copyMemory(from: UnsafeRawBufferPointer(rebasing: file.bytes[offset..<offset + byteCount]))
        }
        var index = [Int](repeating: 0, count: shape.count)
        var source = offset
        for element in 0..<byteCount / elementBytes {
            let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[source..<source + elementBytes])
            UnsafeMutableRawBufferPointer(rebasing: target[(element * elementBytes)...]).copyMemory(from: bytes)
            // The next index, as an odometer counts.
            var dimension = shape.count - 1
            while dimension >= 0 {
                index[dimension] += 1
                source += strides[dimension] * elementBytes
                guard index[dimension] == shape[dimension] else { break }
                source -= shape[dimension] * strides[dimension] * elementBytes
                index[dimension] = 0
                dimension -= 1
            }
        }
    }
}

/// Memory of a tensor that cannot be used as its file has it.
///
/// `@unchecked Sendable`: it is written before anyone else has it, and only read after.
private final class TensorBuffer: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer

    init(byteCount: Int) {
        bytes = .allocate(byteCount: byteCount, alignment: 64)
    }

    deinit { bytes.deallocate() }
}
