/// Reads the pickle of a PyTorch checkpoint, and no other: it knows tensors, dictionaries, and plain values.
///
/// A pickle is a program for a small machine, which in Python can call anything. This machine has only the instructions of
/// protocol 2 that `torch.save` uses, calls nothing but its own three functions, and refuses every other name it meets. All
/// that it makes lies in flat lists and refers to each other by number, so that no nesting can exhaust the stack.
/// Instructions: `Lib/pickletools.py` of CPython.
struct PickleReader {
    /// A value of the machine; containers are indices into the reader's lists.
    enum Value {
        case none
        case bool(Bool)
        case integer(Int)
        case double(Double)
        case string(String)
        case tuple(Int)
        case list(Int)
        case dictionary(Int)
        case callable(Callable)
        case storageType(StorageType)
        case storage(Int)
        case tensor(Int)
        case mark
    }

    /// What may be called.
    enum Callable: String {
        case rebuildTensor = "torch._utils _rebuild_tensor_v2"
        case rebuildParameter = "torch._utils _rebuild_parameter"
        case orderedDictionary = "collections OrderedDict"
    }

    /// A part of the file that tensors look into.
    struct Storage {
        var type: StorageType
        var key: String
        var count: Int
    }

    struct Tensor {
        var storage: Int
        var offset: Int
        var shape: [Int]
        var strides: [Int]
    }

    private(set) var tuples: [[Value]] = []
    private(set) var dictionaries: [[(key: Value, value: Value)]] = []
    private(set) var storages: [Storage] = []
    private(set) var tensors: [Tensor] = []

    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    private var stack: [Value] = []
    private var memo: [Int: Value] = [:]
    /// Lists are of no use in a checkpoint; only how many there are matters.
    private var listCount = 0

    /// Beyond any real checkpoint; a value of the machine takes some 20 times its instruction.
    static let maxBytes = 64 << 20

    /// - Throws: ``Flaw``.
    init(_ bytes: UnsafeRawBufferPointer) throws(Flaw) {
        guard bytes.count <= Self.maxBytes else { throw Flaw("its pickle is too large") }
        self.bytes = bytes
    }

    /// Runs the pickle to its end.
    ///
    /// - Throws: ``Flaw``.
    mutating func read() throws(Flaw) -> Value {
        while true {
            let code = try readByte()
            if code == UInt8(ascii: ".") { return try pop() }
            try execute(code)
        }
    }

    private mutating func execute(_ code: UInt8) throws(Flaw) {
        switch code {
        case 0x80:
            let version = try readByte()
            guard version == 2 else { throw Flaw("its pickle has protocol \(version); save it with protocol 2") }
        case UInt8(ascii: "("): stack.append(.mark)
        case UInt8(ascii: "N"): stack.append(.none)
        case 0x88: stack.append(.bool(true))
        case 0x89: stack.append(.bool(false))
        case UInt8(ascii: "J"): stack.append(.integer(Int(try readNumber(Int32.self))))
        case UInt8(ascii: "K"): stack.append(.integer(Int(try readByte())))
        case UInt8(ascii: "M"): stack.append(.integer(Int(try readNumber(UInt16.self))))
        case 0x8a: stack.append(.integer(try readLong()))
        case UInt8(ascii: "G"):
            stack.append(.double(Double(bitPattern: try readNumber(UInt64.self).byteSwapped)))
        case UInt8(ascii: "X"):
            stack.append(.string(try readText(Int(try readNumber(UInt32.self)))))
        case UInt8(ascii: "}"): pushDictionary()
        case UInt8(ascii: "]"):
            stack.append(.list(listCount))
            listCount += 1
        case UInt8(ascii: ")"): pushTuple([])
        case 0x85, 0x86, 0x87: pushTuple(try pop(Int(code) - 0x84))
        case UInt8(ascii: "t"): pushTuple(try popToMark())
        case UInt8(ascii: "q"): try remember(Int(try readByte()))
        case UInt8(ascii: "r"): try remember(Int(try readNumber(UInt32.self)))
        case UInt8(ascii: "h"): try recall(Int(try readByte()))
        case UInt8(ascii: "j"): try recall(Int(try readNumber(UInt32.self)))
        case UInt8(ascii: "a"): try append([try pop()])
        case UInt8(ascii: "e"): try append(try popToMark())
        case UInt8(ascii: "s"): try set(try pop(2))
        case UInt8(ascii: "u"): try set(try popToMark())
        case UInt8(ascii: "c"): try pushGlobal()
        case UInt8(ascii: "Q"): try pushStorage()
        case UInt8(ascii: "R"): try call()
        case UInt8(ascii: "b"): try build()
        default: throw Flaw("its pickle has the instruction \(code), which no checkpoint needs; it is refused")
        }
    }
}

// What the instructions read after themselves.
extension PickleReader {
    private mutating func readByte() throws(Flaw) -> UInt8 {
        try readNumber(UInt8.self)
    }

    private mutating func readNumber<Number: FixedWidthInteger>(_ type: Number.Type) throws(Flaw) -> Number {
        guard let number = bytes.integer(type, at: position) else { throw Self.endsEarly }
        position += MemoryLayout<Number>.size
        return number
    }

    private mutating func readText(_ length: Int) throws(Flaw) -> String {
        guard length <= bytes.count - position else { throw Self.endsEarly }
        defer { position += length }
        return String(decoding: bytes[position..<position + length], as: UTF8.self)
    }

    /// A whole number of any length, two's complement; sizes fit eight bytes.
    private mutating func readLong() throws(Flaw) -> Int {
        let length = Int(try readByte())
        guard length <= 8 else { throw Flaw("its pickle has a number of \(length) bytes") }
        var number: UInt64 = 0
        for index in 0..<length { number |= UInt64(try readByte()) << (8 * index) }
        let shift = 64 - 8 * length
        return length == 0 ? 0 : Int(Int64(bitPattern: number << shift) >> shift)
    }

    private mutating func readLine() throws(Flaw) -> String {
        guard let end = bytes[position...].prefix(1000).firstIndex(of: UInt8(ascii: "\n")) else { throw Self.endsEarly }
        defer { position = end + 1 }
        return String(decoding: bytes[position..<end], as: UTF8.self)
    }

    private static let endsEarly = Flaw("its pickle ends early; download it again")
    private static let isDamaged = Flaw("its pickle makes no sense; download it again")
}

// What the instructions do.
extension PickleReader {
    private mutating func pop() throws(Flaw) -> Value {
        guard let value = stack.popLast() else { throw Self.isDamaged }
        if case .mark = value { throw Self.isDamaged }
        return value
    }

    private mutating func pop(_ count: Int) throws(Flaw) -> [Value] {
        var values: [Value] = []
        for _ in 0..<count { values.append(try pop()) }
        return values.reversed()
    }

    private mutating func popToMark() throws(Flaw) -> [Value] {
        guard let mark = stack.lastIndex(where: { if case .mark = $0 { true } else { false } }) else {
            throw Self.isDamaged
        }
        defer { stack.removeSubrange(mark...) }
        return Array(stack[(mark + 1)...])
    }

    private mutating func pushTuple(_ values: [Value]) {
        tuples.append(values)
        stack.append(.tuple(tuples.count - 1))
    }

    private mutating func pushDictionary() {
        dictionaries.append([])
        stack.append(.dictionary(dictionaries.count - 1))
    }

    private mutating func remember(_ key: Int) throws(Flaw) {
        guard let value = stack.last else { throw Self.isDamaged }
        if case .mark = value { throw Self.isDamaged }
        memo[key] = value
    }

    private mutating func recall(_ key: Int) throws(Flaw) {
        guard let value = memo[key] else { throw Self.isDamaged }
        stack.append(value)
    }

    private func append(_ values: [Value]) throws(Flaw) {
        guard case .list = stack.last else { throw Self.isDamaged }
    }

    private mutating func set(_ values: [Value]) throws(Flaw) {
        guard case .dictionary(let index) = stack.last, values.count.isMultiple(of: 2) else { throw Self.isDamaged }
        for pair in stride(from: 0, to: values.count, by: 2) {
            dictionaries[index].append((values[pair], values[pair + 1]))
        }
    }

    private mutating func pushGlobal() throws(Flaw) {
        let module = try readLine()
        let name = try readLine()
        if let callable = Callable(rawValue: "\(module) \(name)") {
            stack.append(.callable(callable))
        } else if module == "torch", let type = StorageType(rawValue: name) {
            stack.append(.storageType(type))
        } else {
            throw Flaw(
                "its pickle wants \("\(module).\(name)".quoted), which is no part of a checkpoint; it is refused")
        }
    }

    /// `("storage", type, key, location, count)` stands for a file of the archive.
    private mutating func pushStorage() throws(Flaw) {
        guard case .tuple(let index) = try pop(), tuples[index].count == 5,
            case .string("storage") = tuples[index][0], case .storageType(let type) = tuples[index][1],
            case .string(let key) = tuples[index][2], case .integer(let count) = tuples[index][4], count >= 0
        else { throw Flaw("its pickle refers to something that is no storage; it is refused") }
        storages.append(Storage(type: type, key: key, count: count))
        stack.append(.storage(storages.count - 1))
    }

    private mutating func call() throws(Flaw) {
        guard case .tuple(let index) = try pop(), case .callable(let callable) = try pop() else { throw Self.isDamaged }
        let arguments = tuples[index]
        switch callable {
        case .orderedDictionary:
            guard arguments.isEmpty else { throw Self.isDamaged }
            pushDictionary()
        case .rebuildParameter:
            guard let tensor = arguments.first, case .tensor = tensor else { throw Self.isDamaged }
            stack.append(tensor)
        case .rebuildTensor:
            guard arguments.count >= 4, case .storage(let storage) = arguments[0],
                case .integer(let offset) = arguments[1], case .tuple(let shape) = arguments[2],
                case .tuple(let strides) = arguments[3]
            else { throw Self.isDamaged }
            tensors.append(
                Tensor(storage: storage, offset: offset, shape: try sizes(shape), strides: try sizes(strides)))
            stack.append(.tensor(tensors.count - 1))
        }
    }

    private func sizes(_ tuple: Int) throws(Flaw) -> [Int] {
        var sizes: [Int] = []
        for value in tuples[tuple] {
            guard case .integer(let size) = value else { throw Self.isDamaged }
            sizes.append(size)
        }
        return sizes
    }

    /// Attributes of a dictionary (`_metadata`), which say nothing about tensors.
    private mutating func build() throws(Flaw) {
        _ = try pop()
        guard case .dictionary = stack.last else {
            throw Flaw("its pickle changes an object that is no dictionary; it is refused")
        }
    }
}

/// The kinds of storages, by their names in `torch`.
enum StorageType: String {
    case float = "FloatStorage"
    case half = "HalfStorage"
    case bfloat16 = "BFloat16Storage"
    case double = "DoubleStorage"
    case long = "LongStorage"
    case int = "IntStorage"
    case short = "ShortStorage"
    case char = "CharStorage"
    case byte = "ByteStorage"
    case bool = "BoolStorage"

    var elementType: ElementType {
        switch self {
        case .float: .float32
        case .half: .float16
        case .bfloat16: .bfloat16
        default: .other(rawValue)
        }
    }

    var elementBytes: Int {
        switch self {
        case .double, .long: 8
        case .float, .int: 4
        case .half, .bfloat16, .short: 2
        case .char, .byte, .bool: 1
        }
    }
}
