import NIOCore

/// One event of an event stream.
struct ServerSentEvent {
    /// The `event` field; empty where there was none.
    var name: String
    /// The `data` lines, joined by line feeds.
    var data: ByteBuffer
}

/// A reply's body as server-sent events.
/// Source: HTML Living Standard, 9.2.6 "Interpreting an event stream".
struct ServerSentEvents: AsyncSequence {
    let base: ModelHTTPBody

    struct AsyncIterator: AsyncIteratorProtocol {
        var base: ModelHTTPBody.AsyncIterator
        var parser = ServerSentEventParser()
        var ended = false

        mutating func next() async throws -> ServerSentEvent? {
            while true {
                if let event = parser.next(atEnd: ended) { return event }
                if ended { return nil }
                if let chunk = try await base.next() { parser.append(chunk) } else { ended = true }
            }
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(base: base.makeAsyncIterator()) }
}

/// Cuts bytes into events, whatever pieces they come in.
struct ServerSentEventParser {
    private var buffer = ByteBuffer()
    /// The readable bytes known to hold no line end.
    private var scanned = 0
    /// The line before ended in a carriage return: a line feed that follows belongs to it.
    private var afterCarriageReturn = false
    private var name = ""
    private var data: ByteBuffer?

    mutating func append(_ chunk: ByteBuffer) {
        if buffer.readableBytes == 0 { buffer = chunk } else { buffer.writeImmutableBuffer(chunk) }
    }

    /// The next whole event.
    ///
    /// - Parameter atEnd: No bytes follow. Unlike a browser, this then gives out an event without its empty line, which
    ///   some servers forget; one that was cut off is malformed JSON and so is noticed.
    mutating func next(atEnd: Bool) -> ServerSentEvent? {
        while let line = nextLine(atEnd: atEnd) {
            if line.readableBytes > 0 {
                read(line)
            } else if let event = takeEvent() {
                return event
            }
        }
        return atEnd ? takeEvent() : nil
    }

    private mutating func takeEvent() -> ServerSentEvent? {
        defer { (name, data) = ("", nil) }
        return data.map { ServerSentEvent(name: name, data: $0) }
    }

    private mutating func nextLine(atEnd: Bool) -> ByteBuffer? {
        if afterCarriageReturn, let byte = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) {
            if byte == .lineFeed { buffer.moveReaderIndex(forwardBy: 1) }
            afterCarriageReturn = false
        }
        let unread = buffer.readableBytesView
        guard let end = unread.dropFirst(scanned).firstIndex(where: { $0 == .lineFeed || $0 == .carriageReturn }) else {
            scanned = unread.count
            guard atEnd, scanned > 0 else { return nil }
            scanned = 0
            return buffer.readSlice(length: buffer.readableBytes)
        }
        scanned = 0
        let line = buffer.readSlice(length: end - unread.startIndex)
        afterCarriageReturn = buffer.readInteger(as: UInt8.self) == .carriageReturn
        return line
    }

    private mutating func read(_ line: ByteBuffer) {
        var value = line
        let colon = line.readableBytesView.firstIndex(of: UInt8(ascii: ":")) ?? line.writerIndex
        let field = value.readString(length: colon - line.readerIndex)
        value.moveReaderIndex(forwardBy: min(1, value.readableBytes))
        if value.getInteger(at: value.readerIndex, as: UInt8.self) == UInt8(ascii: " ") {
            value.moveReaderIndex(forwardBy: 1)
        }
        switch field {
        case "data" where data == nil:
            data = value
        case "data":
            data!.writeInteger(UInt8.lineFeed)
            data!.writeImmutableBuffer(value)
        case "event":
            name = String(buffer: value)
        default:
            break
        }
    }
}

extension UInt8 {
    fileprivate static let lineFeed = UInt8(ascii: "\n")
    fileprivate static let carriageReturn = UInt8(ascii: "\r")
}
