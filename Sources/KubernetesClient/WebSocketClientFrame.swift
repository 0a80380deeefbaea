internal import NIOCore
internal import NIOWebSocket

/// Whole frames as clients send them, by RFC 6455: masked, each with a key of its own that nobody can foresee.
///
/// They are made in one pass over their bytes, eight at a time; NIO's encoder takes them one by one, which costs more than
/// TLS does.
enum WebSocketClientFrame {
    /// - Parameter channel: A byte that stands before the others.
    static func encoded(
        _ opcode: WebSocketOpcode, channel: UInt8? = nil,
        _ payload: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
    ) -> ByteBuffer {
        let key = UInt32.random(in: .min ... .max)
        let count = payload.count + (channel == nil ? 0 : 1)
        var frame = ByteBuffer()
        frame.reserveCapacity(count + 14)
        frame.writeInteger(0x80 | UInt8(webSocketOpcode: opcode))
        switch count {
        case ..<126: frame.writeInteger(0x80 | UInt8(count))
        case ..<65_536: frame.writeMultipleIntegers(0x80 | UInt8(126), UInt16(count))
        default: frame.writeMultipleIntegers(0x80 | UInt8(127), UInt64(count))
        }
        frame.writeInteger(key, endianness: .little)
        var payloadKey = key
        if let channel {
            frame.writeInteger(channel ^ UInt8(truncatingIfNeeded: key))
            payloadKey = key >> 8 | key << 24
        }
        frame.writeWithUnsafeMutableBytes(minimumWritableBytes: payload.count) { target in
            mask(payload, payloadKey, into: target)
            return payload.count
        }
        return frame
    }

    private static func mask(
        _ source: UnsafeRawBufferPointer, _ key: UInt32, into target: UnsafeMutableRawBufferPointer
    ) {
        let key = UInt64(key) | UInt64(key) << 32
        let inWords = source.count & ~7
        for offset in stride(from: 0, to: inWords, by: 8) {
            let word = source.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            target.storeBytes(of: word ^ key.littleEndian, toByteOffset: offset, as: UInt64.self)
        }
        for offset in inWords..<source.count {
            target[offset] = source[offset] ^ UInt8(truncatingIfNeeded: key >> (8 * UInt64(offset & 7)))
        }
    }
}
