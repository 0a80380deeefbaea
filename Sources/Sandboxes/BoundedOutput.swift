/// The beginning and the end of a stream of bytes, in bounded memory however long the stream is.
struct BoundedOutput: Sendable {
    private let headLimit: Int
    private let tailLimit: Int
    private var head: [UInt8] = []
    /// At least the last `tailLimit` bytes after the head; cut back when it has grown to twice that.
    private var tail: [UInt8] = []
    private var dropped = 0

    /// - Parameter limit: The bytes that are kept, half of them from the beginning and half from the end.
    init(limit: Int) {
        tailLimit = max(limit, 0) / 2
        headLimit = max(limit, 0) - tailLimit
    }

    mutating func append(_ bytes: ArraySlice<UInt8>) {
        let toHead = bytes.prefix(headLimit - head.count)
        head += toHead
        tail += bytes.dropFirst(toHead.count)
        if tail.count / 2 > max(tailLimit, 2048) { cutTail() }
    }

    /// The bytes that were left out.
    var omittedBytes: Int { dropped + max(tail.count - tailLimit, 0) }

    /// All that was kept.
    var bytes: [UInt8] { tail.isEmpty ? head : head + tail.suffix(tailLimit) }

    /// What was kept as text, invalid UTF-8 repaired, with a line in the middle that states the cut.
    var text: String {
        let omitted = omittedBytes
        if omitted == 0 { return String(decoding: bytes, as: UTF8.self) }
        return String(decoding: head, as: UTF8.self) + "\n[... \(omitted) bytes left out ...]\n"
            + String(decoding: tail.suffix(tailLimit), as: UTF8.self)
    }

    private mutating func cutTail() {
        dropped += tail.count - tailLimit
        tail.removeFirst(tail.count - tailLimit)
    }
}
