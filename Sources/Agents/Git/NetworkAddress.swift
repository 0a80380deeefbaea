internal import Foundation

/// An IP address, and whether the public Internet leads to it.
struct NetworkAddress: Sendable, Hashable, CustomStringConvertible {
    /// 4 or 16 bytes, the first one first.
    let bytes: [UInt8]

    init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    /// Reads an address as people write it, an IPv6 one without brackets.
    init?(_ text: String) {
        var four = in_addr()
        var sixteen = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = withUnsafeBytes(of: four) { Array($0) }
        } else if inet_pton(AF_INET6, text, &sixteen) == 1 {
            bytes = withUnsafeBytes(of: sixteen) { Array($0) }
        } else {
            return nil
        }
    }

    var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        _ = bytes.withUnsafeBytes {
            inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, $0.baseAddress, &text, socklen_t(text.count))
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whether the address belongs to this machine, its networks, or no one in particular: what the IANA registries of
    /// special-purpose addresses say is not globally reachable, and multicast.
    var isInternal: Bool {
        if bytes.count == 4 { return Self.internalNetworks4.contains { Self.network($0.0, $0.1, holds: bytes) } }
        // Forms that carry an IPv4 address: mapped, translated (RFC 6052), 6to4.
        for (prefix, start) in [(Self.mapped, 12), (Self.translated, 12), ([0x20, 0x02], 2)]
        where bytes.starts(with: prefix) {
            return NetworkAddress(bytes: Array(bytes[start..<(start + 4)]))?.isInternal ?? true
        }
        return Self.internalNetworks6.contains { Self.network($0.0, $0.1, holds: bytes) }
    }

    private static let mapped: [UInt8] = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]
    private static let translated: [UInt8] = [0x00, 0x64, 0xff, 0x9b] + [UInt8](repeating: 0, count: 8)

    private static let internalNetworks4: [([UInt8], Int)] = [
        ([0], 8), ([10], 8), ([100, 64], 10), ([127], 8), ([169, 254], 16), ([172, 16], 12), ([192, 0, 0], 24),
        ([192, 0, 2], 24), ([192, 168], 16), ([198, 18], 15), ([198, 51, 100], 24), ([203, 0, 113], 24), ([224], 3),
    ]

    private static let internalNetworks6: [([UInt8], Int)] = [
        // All that begins with eight zero bytes: unspecified, loopback, IPv4-compatible.
        ([0, 0, 0, 0, 0, 0, 0, 0], 64), ([0x00, 0x64, 0xff, 0x9b, 0x00, 0x01], 48), ([0x01, 0x00], 64),
        ([0x20, 0x01, 0x00], 23), ([0x20, 0x01, 0x0d, 0xb8], 32), ([0xfc], 7), ([0xfe, 0x80], 9), ([0xff], 8),
    ]

    private static func network(_ prefix: [UInt8], _ length: Int, holds bytes: [UInt8]) -> Bool {
        (0..<length).allSatisfy { bit in
            let mask = UInt8(0x80) >> UInt8(bit % 8)
            let expected = bit / 8 < prefix.count ? prefix[bit / 8] : 0
            return expected & mask == bytes[bit / 8] & mask
        }
    }

    /// The addresses that the system knows of a host, such as a name, an address, or a number that stands for one.
    ///
    /// - Returns: None where there is no such host.
    static func resolve(_ host: String) async -> [NetworkAddress] {
        await withCheckedContinuation { continuation in
            // May block for as long as a name server takes, which no thread of tasks should.
            DispatchQueue.global().async { continuation.resume(returning: lookUp(host)) }
        }
    }

    private static func lookUp(_ host: String) -> [NetworkAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        return sequence(first: list?.pointee) { $0?.ai_next?.pointee }.compactMap { entry in
            guard let entry, let address = entry.ai_addr else { return nil }
            let raw = UnsafeRawPointer(address)
            return switch entry.ai_family {
            case AF_INET:
                NetworkAddress(
                    bytes: withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in.self).sin_addr) { Array($0) })
            case AF_INET6:
                NetworkAddress(
                    bytes: withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr) { Array($0) })
            default: nil
            }
        }
    }
}
