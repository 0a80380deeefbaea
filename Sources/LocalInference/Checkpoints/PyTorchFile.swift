/// One file of `torch.save`: a zip archive with a pickle of the names and shapes, and a file for each storage.
struct PyTorchFile {
    let tensors: [StoredTensor]

    /// Reads and checks the archive, the pickle, and where each tensor lies.
    ///
    /// - Throws: ``CheckpointError``.
    init(_ file: MappedFile) throws(CheckpointError) {
        do throws(Flaw) {
            tensors = try Self.read(file)
        } catch {
            throw CheckpointError("\(file.path) is no usable PyTorch checkpoint: \(error)")
        }
    }

    private static func read(_ file: MappedFile) throws(Flaw) -> [StoredTensor] {
        guard file.bytes.starts(with: [0x50, 0x4b]) else {
            // Before version 1.6: a bare pickle, which opens with its protocol and a magic number; before 0.1.10: a tar.
            throw Flaw(
                file.bytes.first == 0x80 || file.bytes.count > 512
                    ? "it is no zip archive, as PyTorch writes since 1.6; load it there and save it again"
                    : "it is no zip archive; download it again")
        }
        let archive = try ZipArchive(file.bytes)
        let pickles = archive.entries.filter { $0.name == "data.pkl" || $0.name.hasSuffix("/data.pkl") }
        guard pickles.count == 1 else { throw Flaw("it has \(pickles.count) files named data.pkl in place of one") }
        let prefix = pickles[0].name.dropLast("data.pkl".count)
        var entries: [String: Range<Int>] = [:]
        for entry in archive.entries { entries[entry.name] = entry.range }
        if let order = entries[prefix + "byteorder"], !file.bytes[order].elementsEqual("little".utf8) {
            throw Flaw("its numbers are big-endian")
        }

        var pickle = try PickleReader(UnsafeRawBufferPointer(rebasing: file.bytes[pickles[0].range]))
        guard case .dictionary(let state) = try pickle.read() else { throw Flaw("it holds no dictionary of tensors") }
        var tensors: [StoredTensor] = []
        var names: Set<String> = []
        for (key, value) in pickle.dictionaries[state] {
            guard case .string(let name) = key, case .tensor(let index) = value else { continue }
            guard names.insert(name).inserted else { throw Flaw("the tensor \(name.quoted) is there twice") }
            let tensor = pickle.tensors[index]
            let storage = pickle.storages[tensor.storage]
            guard let range = entries["\(prefix)data/\(storage.key)"] else {
                throw Flaw("the numbers of the tensor \(name.quoted) are missing; download it again")
            }
            tensors.append(try Self.stored(tensor, name, storage, at: range, in: file))
        }
        guard !tensors.isEmpty else { throw Flaw("it holds no tensors") }
        return tensors
    }

    /// Makes sure that all elements are inside the storage, and that a tensor is not larger than what it looks into.
    private static func stored(
        _ tensor: PickleReader.Tensor, _ name: String, _ storage: PickleReader.Storage, at range: Range<Int>,
        in file: MappedFile
    ) throws(Flaw) -> StoredTensor {
        let outside = Flaw("the tensor \(name.quoted) is outside its storage; download it again")
        let size = storage.type.elementBytes
        let shape = tensor.shape
        guard shape.count == tensor.strides.count, shape.count <= 32,
            (shape + tensor.strides).allSatisfy({ $0 >= 0 })
        else { throw Flaw("the tensor \(name.quoted) has a shape that cannot be") }
        // A dimension of one index is never stepped along.
        let strides = zip(shape, tensor.strides).map { length, stride in length > 1 ? stride : 0 }
        let available = min(storage.count, range.count / size)
        guard let count = Int.product(shape), count <= available, tensor.offset >= 0, tensor.offset <= available else {
            throw outside
        }
        if count > 0 {
            var last = tensor.offset
            for (length, stride) in zip(shape, strides) {
                let (step, overflow) = (length - 1).multipliedReportingOverflow(by: stride)
                let (sum, overflow2) = last.addingReportingOverflow(step)
                guard !overflow, !overflow2 else { throw outside }
                last = sum
            }
            guard last < available else { throw outside }
        }
        return StoredTensor(
            name: name, elementType: storage.type.elementType, elementBytes: size, shape: shape,
            strides: count == 0 || isContiguous(shape, strides) ? nil : strides,
            offset: range.lowerBound + tensor.offset * size,
            byteCount: count * size, file: file)
    }

    private static func isContiguous(_ shape: [Int], _ strides: [Int]) -> Bool {
        var expected = 1
        for (length, stride) in zip(shape, strides).reversed() where length != 1 {
            guard stride == expected else { return false }
            expected *= length
        }
        return true
    }
}
