/// One `.safetensors` file: the length of a JSON header, the header, and the tensors' bytes.
///
/// The format: https://github.com/huggingface/safetensors#format
struct SafetensorsFile {
    let tensors: [StoredTensor]

    /// What the reference implementation takes at most.
    private static let maxHeaderBytes = 100_000_000

    /// Reads and checks the header.
    ///
    /// - Throws: ``CheckpointError``.
    init(_ file: MappedFile) throws(CheckpointError) {
        do {
            tensors = try Self.read(file)
        } catch {
            throw CheckpointError("\(file.path) is no valid safetensors file: \(error)")
        }
    }

    private static func read(_ file: MappedFile) throws -> [StoredTensor] {
        guard let length = file.bytes.integer(UInt64.self, at: 0) else { throw Flaw("it is shorter than its header") }
        guard length <= maxHeaderBytes else { throw Flaw("its header would be \(length) bytes long") }
        let dataStart = 8 + Int(length)
        guard dataStart <= file.bytes.count else { throw Flaw("it is shorter than its header") }

        var tensors: [StoredTensor] = []
        var names: Set<String> = []
        var scanner = JSONScanner([UInt8](file.bytes[8..<dataStart]))
        try scanner.readObject { scanner, key throws in
            let name = String(decoding: key, as: UTF8.self)
            guard names.insert(name).inserted else { throw Flaw("the tensor \(name.quoted) is there twice") }
            guard name != "__metadata__" else { return try scanner.skipValue() }
            tensors.append(try Entry(&scanner).tensor(name, dataStart: dataStart, in: file))
        }
        try scanner.readEnd()
        try checkRanges(tensors)
        return tensors
    }

    private static func checkRanges(_ tensors: [StoredTensor]) throws(Flaw) {
        var end = 0
        for tensor in tensors.sorted(by: { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }) {
            guard tensor.offset >= end else { throw Flaw("the tensor \(tensor.name.quoted) overlaps another") }
            end = tensor.offset + tensor.byteCount
        }
    }

    /// What the header says of one tensor.
    private struct Entry {
        private var type: String?
        private var shape: [Int]?
        private var range: [Int]?

        init(_ scanner: inout JSONScanner) throws {
            func numbers(_ scanner: inout JSONScanner) throws -> [Int] {
                var numbers: [Int] = []
                try scanner.readArray { scanner throws in
                    let number = try scanner.readInteger()
                    guard number >= 0 else { throw scanner.failure("a size is negative") }
                    numbers.append(number)
                }
                return numbers
            }
            var (type, shape, range) = (String?.none, [Int]?.none, [Int]?.none)
            try scanner.readObject { scanner, key throws in
                switch String(decoding: key, as: UTF8.self) {
                case "dtype" where type == nil: type = try scanner.readString()
                case "shape" where shape == nil: shape = try numbers(&scanner)
                case "data_offsets" where range == nil: range = try numbers(&scanner)
                case let other: throw scanner.failure("the member \(other.quoted) is unknown or there twice")
                }
            }
            (self.type, self.shape, self.range) = (type, shape, range)
        }

        func tensor(_ name: String, dataStart: Int, in file: MappedFile) throws(Flaw) -> StoredTensor {
            guard let type, let shape, let range, range.count == 2 else {
                throw Flaw("the tensor \(name.quoted) lacks its dtype, shape or data_offsets")
            }
            guard shape.count <= 32 else { throw Flaw("the tensor \(name.quoted) has too many dimensions") }
            guard let bits = SafetensorsFile.bits[type] else {
                throw Flaw("the tensor \(name.quoted) has the unknown dtype \(type.quoted)")
            }
            guard range[0] <= range[1], range[1] <= file.bytes.count - dataStart else {
                throw Flaw("the tensor \(name.quoted) is outside the file; download it again")
            }
            guard let size = Int.product(shape, times: bits), size % 8 == 0, size / 8 == range[1] - range[0] else {
                throw Flaw("the tensor \(name.quoted) has not the size that its shape says")
            }
            let elementType: ElementType =
                switch type {
                case "F32": .float32
                case "F16": .float16
                case "BF16": .bfloat16
                default: .other(type)
                }
            return StoredTensor(
                name: name, elementType: elementType, elementBytes: max(1, bits / 8), shape: shape, strides: nil,
                offset: dataStart + range[0], byteCount: range[1] - range[0], file: file)
        }
    }

    /// The bits of one element.
    private static let bits: [String: Int] = [
        "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
        "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64,
        "C64": 64,
    ]
}
