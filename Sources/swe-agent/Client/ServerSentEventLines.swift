import Foundation

/// Cuts an event stream into the `data` of its events, whatever pieces it comes in.
/// Source: HTML Living Standard, 9.2.6 “Interpreting an event stream”; our service ends its lines with line feeds.
struct ServerSentEventLines {
    private var buffer = Data()
    private var data: [Data] = []

    mutating func append(_ bytes: some Sequence<UInt8>) {
        buffer.append(contentsOf: bytes)
    }

    /// The data of the next whole event; `nil` until more bytes are there.
    mutating func next() -> Data? {
        while let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
            let line = buffer[..<end]
            buffer = Data(buffer[buffer.index(after: end)...])
            if line.isEmpty {
                guard !data.isEmpty else { continue }
                defer { data = [] }
                return Data(data.joined(separator: [UInt8(ascii: "\n")]))
            }
            if line.starts(with: "data:".utf8) {
                let value = line.dropFirst("data:".utf8.count)
                data.append(value.first == UInt8(ascii: " ") ? value.dropFirst() : value)
            }
        }
        return nil
    }
}
